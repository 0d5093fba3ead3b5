import { describe, expect, test } from 'vitest';
import { findDifference } from '../../../pipeline/verify/compare-rows.ts';
import { RowSplitter } from '../../../pipeline/verify/row-splitter.ts';

function split(format: 'csv' | 'json' | 'ndjson', ...chunks: readonly string[]): readonly (string | null)[] {
  const splitter = new RowSplitter(format);
  const rows = chunks.flatMap(chunk => [...splitter.add(Buffer.from(chunk))].map(String));
  return [...rows, splitter.end()?.toString() ?? null];
}

describe('rows', () => {
  test('end at a line feed; what follows the last one is a row too', () => {
    expect(split('ndjson', 'a\n\nb\nc')).toEqual(['a', '', 'b', 'c']);
    expect(split('csv', '')).toEqual([null]);
  });

  test('of CSV hold the line feeds between their quotation marks, of JSON quotation marks mean nothing', () => {
    const text = 'a,"x\n""y\n"\n"",b\n';
    expect(split('csv', text)).toEqual(['a,"x\n""y\n"', '"",b', null]);
    expect(split('json', '{"a":"\\""\n}\n')).toEqual(['{"a":"\\""', '}', null]);
  });

  test('are the same wherever the bytes are cut', () => {
    const text = 'a,"x\n""y"\nb,c\n"\n\n",é\n';
    for (let first = 0; first <= text.length; first += 1)
      for (let second = first; second <= text.length; second += 1)
        expect(split('csv', text.slice(0, first), text.slice(first, second), text.slice(second))).toEqual(
          split('csv', text),
        );
  });
});

async function compare(
  inFile: string,
  fromLog: string,
  without: readonly string[] = [],
  layout: Parameters<typeof findDifference>[0]['layout'] = { format: 'csv', separator: ',' },
) {
  async function* file() {
    for (const byte of Buffer.from(inFile)) yield Uint8Array.of(byte);
  }
  const write = async (sink: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
    for (let at = 0; at < fromLog.length; at += 3) await sink(Buffer.from(fromLog.slice(at, at + 3)));
  };
  return findDifference({ layout, file: file(), write, without: new Set(without) });
}

describe('the first difference', () => {
  test('is none between equal contents', async () => {
    expect(await compare('a,1\nb,2\n', 'a,1\nb,2\n')).toBeNull();
  });

  test.each([
    ['another row', 'a,1\nb,2\nc,3\n', 'a,1\nb,3\nc,4\n', { line: 2, inFile: 'b,2', fromLog: 'b,3' }],
    ['a row that the file lacks', 'a,1\n', 'a,1\nb,2\n', { line: 2, inFile: null, fromLog: 'b,2' }],
    ['a row that the log does not give', 'a,1\nb,2\n', 'a,1\n', { line: 2, inFile: 'b,2', fromLog: null }],
  ])('is %s', async (_, inFile, fromLog, difference) => {
    expect(await compare(inFile, fromLog)).toEqual(difference);
  });

  test('leaves out the services whose order is not in the log', async () => {
    expect(await compare('a,1\nb,2\nc,3\n', 'b,9\na,1\nc,3\n', ['b'])).toBeNull();
    expect(await compare('"a,""x",1\nc,3\n', 'c,3\n', ['a,"x'])).toBeNull();
    expect(await compare('a|1\nb|2\n', 'a|1\nb|3\n', ['a'], { format: 'csv', separator: '|' })).toMatchObject({
      line: 1,
    });
    const json = { format: 'json', separator: ',' } as const;
    const [one, two] = ['{"service_id":"a"}', '{"service_id":"b\\""}'];
    expect(await compare(`[\n${one},\n${two}\n]\n`, `[\n${one}\n]\n`, ['b"'], json)).toBeNull();
  });
});
