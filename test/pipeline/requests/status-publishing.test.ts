import { beforeEach, expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { publishNext, publishStatuses } from '../../../pipeline/requests/status-publishing.ts';
import type { Outbox, OutboxEntry } from '../../../pipeline/requests/statuses.ts';
import { settled } from '../../support/memory-service.ts';

class MemoryOutbox implements Outbox {
  entries: OutboxEntry[] = [];
  #waiting: (() => void)[] = [];

  add(requestId: string, status: object = { manifest: {} }): void {
    const number = (this.entries.at(-1)?.number ?? 0) + 1;
    this.entries.push({ number, requestId, status: JSON.stringify(status) });
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  oldest = async (limit: number) => this.entries.slice(0, limit);
  count = async () => this.entries.length;
  changed = (signal: AbortSignal) =>
    new Promise<void>(resolve => {
      this.#waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  sent = async (upTo: number) => {
    this.entries = this.entries.filter(({ number }) => number > upTo);
  };
}

let outbox: MemoryOutbox;
let sent: string[];
let controller: AbortController;
let failures: unknown[];
let problems: (string | null)[];
let pauses: number[];
let dropped: string[];
let counted: number;
beforeEach(() => {
  outbox = new MemoryOutbox();
  sent = [];
  controller = new AbortController();
  failures = [];
  problems = [];
  pauses = [];
  dropped = [];
  counted = 0;
});

const sender = {
  async send(entries: readonly OutboxEntry[]) {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    sent.push(entries.map(({ requestId }) => requestId).join(' '));
  },
};
const sending = () => ({
  outbox,
  sender,
  onSent: (count: number) => {
    counted += count;
  },
  onDropped: (requestId: string, reason: string) => void dropped.push(`${requestId}: ${reason}`),
});
const publish = () =>
  publishStatuses({
    ...sending(),
    signal: controller.signal,
    pause: async milliseconds => void pauses.push(milliseconds),
    onProblem: problem => problems.push(problem?.code ?? null),
  });
const away = new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
const tooLarge = new TidemarkError('STATUS_TOO_LARGE', 'it takes none so large');

test('statuses are sent in order, also those that are added later, and deleted after they were sent', async () => {
  outbox.add('a');
  outbox.add('b');
  const publishing = publish();
  await settled();
  outbox.add('c');
  await settled();
  controller.abort();
  await publishing;
  expect([sent, outbox.entries]).toEqual([['a b', 'c'], []]);
});

test('while the topic does not answer, sending is tried again from the oldest status', async () => {
  failures = [away, away, away];
  outbox.add('a');
  const publishing = publish();
  await settled();
  controller.abort();
  await publishing;
  expect(sent).toEqual(['a']);
  expect(problems).toEqual([...Array.from({ length: 3 }, () => 'SOURCE_UNREACHABLE'), null]);
  expect(pauses).toEqual([250, 500, 1_000]);
});

test('after a crash between sending and deleting a status is sent again (contract 5.18)', async () => {
  outbox.add('a');
  const forget = outbox.sent;
  outbox.sent = async () => {
    throw new Error('died');
  };
  await expect(publishNext(sending())).rejects.toThrow('died');
  outbox.sent = forget;
  await publishNext(sending());
  expect([sent, outbox.entries]).toEqual([['a', 'a'], []]);
});

test('an error that waiting does not mend ends the sending', async () => {
  failures = [new TidemarkError('SOURCE_REFUSED', 'the right is missing')];
  outbox.add('a');
  await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
  expect(outbox.entries).toHaveLength(1);
});

test('statuses too large together are sent one by one, and one that is too large alone without its manifest', async () => {
  failures = [tooLarge, undefined, tooLarge];
  for (const id of ['a', 'b', 'c']) outbox.add(id);
  const texts: string[] = [];
  const noting = {
    async send(entries: readonly OutboxEntry[]) {
      await sender.send(entries);
      texts.push(...entries.map(({ status }) => status));
    },
  };
  await publishNext({ ...sending(), sender: noting });
  expect(sent).toEqual(['a', 'b', 'c']);
  expect(texts).toEqual(['{"manifest":{}}', '{"manifest":null}', '{"manifest":{}}']);
});

test('many large statuses are sent in several requests', async () => {
  for (let at = 0; at < 10; at += 1) outbox.add(String(at), { manifest: 'x'.repeat(100_000) });
  while (await publishNext(sending()));
  expect(sent).toEqual(['0 1', '2 3', '4 5', '6 7', '8 9']);
});

test('one that is larger than all that is sent at once is sent alone', async () => {
  for (const id of ['large', 'small']) outbox.add(id, { manifest: id === 'large' ? 'x'.repeat(300_000) : null });
  while (await publishNext(sending()));
  expect(sent, 'the large status keeps itself and all after it from being sent').toEqual(['large', 'small']);
});

test('one that is too large even without its manifest is dropped, and the others are sent (contract 5.18)', async () => {
  failures = [tooLarge, undefined, tooLarge, tooLarge];
  for (const id of ['a', 'b', 'c']) outbox.add(id);
  await publishNext(sending());
  expect([sent, dropped, counted]).toEqual([['a', 'c'], ['b: it takes none so large'], 2]);
  expect(outbox.entries).toEqual([]);
});

test('one with an id of an older version, of 530 kB, is dropped before any client hashes its key', async () => {
  for (const id of ['x'.repeat(530_000), 'a']) outbox.add(id);
  await publishNext(sending());
  expect([sent, counted]).toEqual([['a'], 1]);
  expect(dropped).toEqual([`${'x'.repeat(64)}… (530000 bytes): its request id is longer than 256 bytes`]);
});
