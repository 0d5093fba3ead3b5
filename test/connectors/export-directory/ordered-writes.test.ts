import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { OrderedWrites } from '../../../connectors/export-directory/ordered-writes.ts';

/** A block whose packing ends when the test says so. */
function openBlock(byte: number) {
  const packed = new EventEmitter();
  const ended = once(packed, 'end').then(() => Uint8Array.of(byte));
  return {
    pack: () => ended,
    finish: () => packed.emit('end'),
    fail: (error: Error) => packed.emit('error', error),
  };
}

function recorder() {
  const written: number[] = [];
  const sink = async (bytes: Uint8Array) => void written.push(...bytes);
  return { written, sink };
}

test('bytes are written in the order of the blocks, whichever is packed first', async () => {
  const { written, sink } = recorder();
  const writes = new OrderedWrites(sink, 3);
  const blocks = [1, 2, 3].map(openBlock);
  for (const { pack } of blocks) await writes.add(pack);
  for (const { finish } of blocks.toReversed()) finish();
  await writes.finish();
  expect(written).toEqual([1, 2, 3]);
});

test('at most as many blocks as the limit are under way, so a slow disk makes the writer wait', async () => {
  const writes = new OrderedWrites(recorder().sink, 2);
  const blocks = [1, 2, 3].map(openBlock);
  const started: number[] = [];
  const add = (index: number) =>
    writes.add(async () => {
      started.push(index);
      return blocks[index]?.pack() ?? Uint8Array.of();
    });
  await add(0);
  await add(1);
  const third = add(2);
  await new Promise(setImmediate);
  expect(started).toEqual([0, 1]);
  blocks[0]?.finish();
  await third;
  expect(started).toEqual([0, 1, 2]);
});

test('a failure is thrown by the next add or finish, and no later byte is written', async () => {
  const { written, sink } = recorder();
  const writes = new OrderedWrites(sink, 1);
  const [first, second] = [openBlock(1), openBlock(2)];
  await writes.add(first.pack);
  first.fail(new Error('disk'));
  await expect(writes.add(second.pack)).rejects.toThrow('disk');
  second.finish();
  await expect(writes.finish()).rejects.toThrow('disk');
  await writes.settle();
  expect(written).toEqual([]);
});

test('after a failure, blocks count as settled only when the earlier ones are packed and written', async () => {
  const writes = new OrderedWrites(recorder().sink, 2);
  const [first, second] = [openBlock(1), openBlock(2)];
  await writes.add(first.pack);
  await writes.add(second.pack);
  second.fail(new Error('memory'));
  let isSettled = false;
  const settled = writes.settle().then(() => {
    isSettled = true;
  });
  await new Promise(setImmediate);
  expect(isSettled, 'the first block is still under way').toBe(false);
  first.finish();
  await settled;
});
