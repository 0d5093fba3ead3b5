import { describe, expect, test } from 'vitest';
import { all, product } from '../support/sources.ts';

describe('care', () => {
  test('only ops reads the clock; all others are given the time', () => {
    const readers = product
      .filter(({ file, text }) => !file.startsWith('ops/') && /\bDate\.now\b|\bnew Date\(\)/.test(text))
      .map(({ file }) => file);
    expect(readers).toEqual([]);
  });

  test('no folder is made with Node’s recursive mkdir, which never ends below a folder such as /proc', () => {
    const loops = all
      .filter(({ file }) => !file.startsWith('test/'))
      .filter(({ text }) => /\bmkdir(Sync)?\([^;]*recursive: true/.test(text))
      .map(({ file }) => file);
    expect(loops).toEqual([]);
  });

  test('nothing is any, and no check is switched off', () => {
    const loose = all.flatMap(({ file, text }) =>
      text
        .split('\n')
        .filter(line => !/^\s*(\/\/|\/?\*)/.test(line))
        .filter(line =>
          /\bas any\b|: any\b(?!,)|<any[,>]|\bany\[\]|@ts-(ignore|nocheck|expect-error)|biome-ignore/.test(line),
        )
        .filter(line => !/['"`/].*\bany\b.*['"`/]/.test(line))
        .map(line => `${file}: ${line.trim()}`),
    );
    expect(loose).toEqual([]);
  });
});
