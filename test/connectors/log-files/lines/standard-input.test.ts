import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { maxLineBytes } from '../../../../connectors/log-files/lines/lines.ts';
import { appendStandardInput } from '../../../../connectors/log-files/lines/standard-input.ts';
import { openLogWriter } from '../../../../connectors/log-files/log/log-writer.ts';
import type { LogWriter, NewRecord } from '../../../../pipeline/ports.ts';
import { readValues } from '../../../support/log-files.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const BATCHING = { batchRecords: 1_000, flushMs: 1_000 };

/** A writer that keeps the values of each append. */
class RecordingWriter implements LogWriter {
  readonly appended: string[][] = [];
  onAppend: () => void = () => undefined;

  async append(records: readonly NewRecord[]): Promise<{ readonly firstOffset: number }> {
    const firstOffset = this.appended.flat().length;
    for (const { timestamp, key } of records) expect([timestamp, key]).toEqual([null, null]);
    this.appended.push(records.map(({ value }) => Buffer.from(value ?? []).toString()));
    this.onAppend();
    return { firstOffset };
  }

  async close(): Promise<void> {}
}

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

// contract 1.1
test.each([
  ['lines', ['a\nb\n'], ['a', 'b'], false],
  ['a last line without LF', ['a\n{}'], ['a', '{}'], false],
  ['a last line that is no JSON', ['{}\n{"to'], ['{}', '{"to'], true],
  ['lines across chunks', ['on', 'e\ntw', 'o\n', '\nthr', 'ee'], ['one', 'two', 'three'], true],
  ['a CR LF across chunks', ['a\r', '\nb\r\n'], ['a', 'b'], false],
  ['a byte-order mark at the start, and one later, which is content', ['\ufeffa\n\ufeffb\n'], ['a', '\ufeffb'], false],
  ['white space only', ['  \n\t\r\n\n \v\f'], [], false],
  ['nothing', [], [], false],
  ['NUL bytes', ['a\0b\n\0\n'], ['a\0b', '\0'], false],
])('standard input: %s', async (_, texts, values, isCut) => {
  const writer = new RecordingWriter();
  expect(await appendStandardInput(chunks(...texts), writer, BATCHING)).toEqual({ records: values.length, isCut });
  expect(writer.appended.flat()).toEqual(values);
});

test('the records are the same wherever the chunks are cut', async () => {
  const bytes = Buffer.from('\ufeff{"é":1}\r\n\n{"b":"€"}\n  \n{"c":3}');
  for (let size = 1; size <= bytes.length; size += 1) {
    const writer = new RecordingWriter();
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    };
    await appendStandardInput(pieces(), writer, BATCHING);
    expect(writer.appended.flat(), `${size} bytes each`).toEqual(['{"é":1}', '{"b":"€"}', '{"c":3}']);
  }
});

test('an append holds at most batchRecords records', async () => {
  const writer = new RecordingWriter();
  await appendStandardInput(chunks('1\n2\n3\n', '4\n5\n'), writer, { batchRecords: 2, flushMs: 1_000 });
  expect(writer.appended).toEqual([['1', '2'], ['3', '4'], ['5']]);
});

test('a record of an idle input is appended after flushMs, without waiting for another', async () => {
  const writer = new RecordingWriter();
  const appended = new Promise<void>(resolve => {
    writer.onAppend = resolve;
  });
  const input = async function* () {
    yield Buffer.from('1\n');
    await appended;
    yield Buffer.from('2\n');
  };
  await appendStandardInput(input(), writer, { batchRecords: 1_000, flushMs: 5 });
  expect(writer.appended).toEqual([['1'], ['2']]);
});

test('a record waits at most flushMs, although later ones arrive more often than that', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const writer = new RecordingWriter();
  const input = async function* () {
    for (let line = 1; line <= 6; line += 1) {
      yield Buffer.from(`${line}\n`);
      await vi.advanceTimersByTimeAsync(400);
    }
  };
  await appendStandardInput(input(), writer, BATCHING);
  expect(writer.appended, 'one append a second, with what arrived by then').toEqual([
    ['1', '2', '3'],
    ['4', '5', '6'],
  ]);
});

test('when the input fails, the lines before the failure are appended', async () => {
  const writer = new RecordingWriter();
  const input = async function* () {
    yield Buffer.from('1\n2\n3');
    throw new Error('the pipe broke');
  };
  await expect(appendStandardInput(input(), writer, BATCHING)).rejects.toThrow('the pipe broke');
  expect(writer.appended).toEqual([['1', '2']]);
});

test('when the log fails, the error is thrown although the input is idle', async () => {
  const writer = new RecordingWriter();
  writer.onAppend = () => {
    throw new Error('the disk is full');
  };
  const input = async function* () {
    yield Buffer.from('1\n');
    await new Promise(() => undefined);
  };
  const ended = appendStandardInput(input(), writer, { batchRecords: 1, flushMs: 5 });
  await expect(ended).rejects.toThrow('the disk is full');
});

test('a line that is too long is refused with its number, after the lines before it are appended', async () => {
  const writer = new RecordingWriter();
  const piece = Buffer.alloc(1024 * 1024, 'x');
  const input = async function* () {
    yield Buffer.from('1\n2\n');
    for (let sent = 0; sent <= maxLineBytes; sent += piece.length) yield piece;
    yield piece;
  };
  const refused = { code: 'SOURCE_CORRUPT', message: expect.stringContaining('line 3 of standard input') };
  await expect(appendStandardInput(input(), writer, BATCHING)).rejects.toMatchObject(refused);
  expect(writer.appended).toEqual([['1', '2']]);
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

test('appended lines can be read from the log', async () => {
  const writer = await openLogWriter({ root: folder.path, topic: 'stdin', partition: 0 });
  const longest = 'x'.repeat(3_000_000);
  expect(await appendStandardInput(chunks('{}\n', longest, '\n[]'), writer, BATCHING)).toEqual({
    records: 3,
    isCut: false,
  });
  await writer.close();
  expect(await readValues(folder.path)).toEqual({ values: ['{}', longest, '[]'], failure: null });
});
