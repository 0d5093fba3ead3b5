import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';

test('at most `limit` pieces of work run at once and start in the order of their calls, whichever ends first', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 5, max: 12 })),
      async (limit, lengths) => {
        const turns = new Semaphore(limit);
        const begun: number[] = [];
        let running = 0;
        let most = 0;
        await Promise.all(
          lengths.map((steps, index) => {
            return turns.run(async () => {
              begun.push(index);
              running += 1;
              most = Math.max(most, running);
              for (let step = 0; step < steps; step += 1) await Promise.resolve();
              running -= 1;
            });
          }),
        );
        expect(begun).toEqual(lengths.map((_, index) => index));
        expect(most).toBe(Math.min(limit, lengths.length));
      },
    ),
  );
});

test('work that fails releases its permit, and its error reaches the caller', async () => {
  const turns = new Semaphore(1);
  const failing = turns.run(async () => {
    throw new Error('no');
  });
  const next = turns.run(async () => 'done');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('done');
});

test('a permit released twice is free once', async () => {
  const turns = new Semaphore(1);
  const end = await turns.take();
  end();
  end();
  let release = () => {};
  const held = new Promise<void>(resolve => {
    release = resolve;
  });
  const first = turns.run(() => held);
  let begun = false;
  const second = turns.run(async () => {
    begun = true;
  });
  await Promise.resolve();
  expect(begun).toBe(false);
  release();
  await Promise.all([first, second]);
  expect(begun).toBe(true);
});

test('a permit that is handed on is not free: a later call waits until the next holder has released it', async () => {
  const permits = new Semaphore(1);
  const running: string[] = [];
  const endFirst = await permits.take();
  const second = permits.take();
  endFirst();
  const endSecond = await second;
  void permits.take().then(() => running.push('later call'));
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(running, 'two hold a permit at once though there is only one').toEqual([]);
  endSecond();
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  expect(running).toEqual(['later call']);
});
