import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compactJson,
  JsonNumber,
  JsonSyntaxError,
  type JsonValue,
  maxDepth,
  parseJson,
} from '../../../schemas/json/json.ts';

/** What JSON.parse would have made of the value. */
function asPlain(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, member]) => [name, asPlain(member)]));
  return Array.isArray(value) ? value.map(asPlain) : value;
}

const accepts = (text: string): boolean => {
  try {
    parseJson(text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(JsonSyntaxError);
    return false;
  }
};

const engineAccepts = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('compared with JSON.parse and JSON.stringify', () => {
  test('reads any JSON value as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), text => {
        // A name such as __proto__ is an ordinary member for us, and a trap for a plain object.
        fc.pre(!text.includes('__proto__'));
        if (accepts(text)) expect(asPlain(parseJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('accepts and refuses the same texts, apart from lone surrogates (contract 1.15)', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '0',
      '.5',
      'e',
      'E+1',
      'true',
      'nul',
      'null',
      '\\',
      '\\u00',
      '\\n',
      ' ',
      '\t',
      '\u0001',
      '\ufeff',
      'NaN',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), parts => {
        const text = parts.join('');
        expect([text, accepts(text)]).toEqual([text, engineAccepts(text)]);
      }),
      { numRuns: 3000 },
    );
  });

  test('the compact text of a parsed value is what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(compactJson(text)).toBe(JSON.stringify(text));
      }),
    );
  });
});

// contract 1.13, 1.14
test.each([
  [
    'numbers keep their spelling',
    '[1.50, 1e3, -0, 123456789012345678901234567890]',
    '[1.50,1e3,-0,123456789012345678901234567890]',
  ],
  ['members keep their order, also names like 1', '{"b":1,"1":2,"a":3}', '{"b":1,"1":2,"a":3}'],
  ['a repeated name keeps first place and last value', '{"a":1,"b":2,"a":{"c":1,"c":2}}', '{"a":{"c":2},"b":2}'],
  ['only necessary escapes are written', '"\\u00e9\\/\\u0000\\ud83d\\ude42"', '"é/\\u0000🙂"'],
])('%s', (_, text, wanted) => {
  expect(compactJson(parseJson(text))).toBe(wanted);
});

// contract 1.15
test.each([
  ['a lone surrogate', '"\\ud800"'],
  ['a lone surrogate in a name', '{"\\udc00":1}'],
  ['a control character', '"a\u0001"'],
  ['a trailing comma', '[1,]'],
  ['two values', '1 2'],
  ['nothing', ''],
])('refuses %s', (_, text) => {
  expect(() => parseJson(text)).toThrow(JsonSyntaxError);
});

test('counts depth from the outermost container (contract 1.15)', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  expect(accepts(nested(maxDepth))).toBe(true);
  expect(accepts(nested(maxDepth + 1))).toBe(false);
});
