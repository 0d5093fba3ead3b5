import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Parameter,
  type ParameterName,
  type ParameterValue,
  parameterNames,
  parameterTable,
} from '../../../pipeline/export/parameter-table.ts';
import { type ExportParameters, type GivenParameters, readParameters } from '../../../pipeline/export/parameters.ts';

const acceptedAt = Date.parse('2026-03-02T00:00:00Z');
const least = { file_prefix: 'x_', time_from: '2026-03-01T00:00:00Z' };

function read(more: GivenParameters) {
  const result = readParameters({ ...least, ...more }, acceptedAt);
  return 'faults' in result ? result.faults.map(({ parameter }) => parameter) : result.parameters;
}

test('the required parameters alone, with every default (contract 3.1)', () => {
  expect(read({})).toEqual({
    filePrefix: 'x_',
    timeFrom: Date.parse('2026-03-01T00:00:00Z'),
    timeTo: null,
    filterEvents: 'any',
    filterState: 'any',
    format: 'csv',
    compression: 'uncompressed',
    separator: ',',
    header: false,
    extensions: 'columns',
    extensionColumns: null,
    manifest: false,
    wait: 'end',
    fromReplay: null,
  });
});

/** For each parameter a text and the value it is read as, other than the default. A parameter without a line does not compile. */
const others: { readonly [N in ParameterName]: readonly [string, keyof ExportParameters, ParameterValue<N>] } = {
  time_from: ['2026-02-01T00:00:00Z', 'timeFrom', Date.parse('2026-02-01T00:00:00Z')],
  time_to: ['2026-04-01T00:00:00Z', 'timeTo', Date.parse('2026-04-01T00:00:00Z')],
  filter_events: ['completed', 'filterEvents', 'completed'],
  filter_state: ['inactive', 'filterState', 'inactive'],
  file_prefix: ['y_', 'filePrefix', 'y_'],
  format: ['ndjson', 'format', 'ndjson'],
  compression: ['zip', 'compression', 'zip'],
  separator: ['|', 'separator', '|'],
  header: ['true', 'header', true],
  extensions: ['json', 'extensions', 'json'],
  extension_columns: ['b,a', 'extensionColumns', ['b', 'a']],
  manifest: ['true', 'manifest', true],
  wait: ['complete', 'wait', 'complete'],
  from_replay: ['march', 'fromReplay', 'march'],
};

describe.each(parameterNames)('%s', name => {
  const { kind, default: ifAbsent, example }: Parameter<unknown> = parameterTable[name];

  test('is read into its member, and no other member changes', () => {
    const [text, member, value] = others[name];
    expect(read({ [name]: text })).toEqual({ ...(read({}) as ExportParameters), [member]: value });
  });

  test('allows what the table gives as choices, as its default and as its example', () => {
    const allowed = [...(kind.choices ?? []), ...(ifAbsent === null ? [] : [String(ifAbsent)]), example ?? []].flat();
    expect(allowed).not.toEqual([]);
    for (const text of allowed) expect(kind.read(text), text).toBeDefined();
    if (ifAbsent !== null) expect(kind.read(String(ifAbsent))).toBe(ifAbsent);
  });
});

describe('separator (contract 4.8)', () => {
  const allowed = [..."!$%&'()*+,/;<=>?@[\\]^_`{|}~"];
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index));

  test.each(printable)('%j alone', character => {
    // The rule in words: no letter, no digit, no space, no double quote, none of . - : #
    const result = read({ separator: character });
    if (allowed.includes(character)) expect(result).toMatchObject({ separator: character });
    else expect(result).toEqual(['separator']);
  });

  test.each([
    ['a tab', '\t', '\t'],
    ['a tab as it is spelled in a shell', '\\t', '\t'],
  ])('%s', (_, given, separator) => {
    expect(read({ separator: given })).toMatchObject({ separator });
  });

  test.each([
    ['nothing', ''],
    ['two characters', ',,'],
    ['a line feed', '\n'],
    ['a carriage return', '\r'],
    ['NUL', '\0'],
    ['DEL', '\x7f'],
    ['a character beyond ASCII', '¦'],
    ['a wide semicolon', '；'],
    ['an emoji', '🙂'],
    ['other escapes', '\\n'],
    ['SQL', "', HEADER true"],
  ])('%s is refused', (_, given) => {
    expect(read({ separator: given })).toEqual(['separator']);
  });
});

describe('times (contract 3.3)', () => {
  test.each([
    ['UTC', '2026-03-01T10:00:00.123Z', '2026-03-01T10:00:00.123Z'],
    ['another zone', '2026-03-01T12:00:00+02:00', '2026-03-01T10:00:00.000Z'],
    ['a + that arrived as a space', '2026-03-01T12:00:00 02:00', '2026-03-01T10:00:00.000Z'],
    ['digits beyond milliseconds', '2026-03-01T10:00:00.1239Z', '2026-03-01T10:00:00.123Z'],
    ['a leap day', '2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('%s is understood', (_, given, utc) => {
    expect(read({ time_from: given })).toMatchObject({ timeFrom: Date.parse(utc) });
  });

  test.each([
    ['no zone', '2026-03-01T10:00:00'],
    ['a date alone', '2026-03-01'],
    ['no such day', '2026-02-29T10:00:00Z'],
    ['24:00', '2026-03-01T24:00:00Z'],
    ['a leap second', '2016-12-31T23:59:60Z'],
    ['lower case', '2026-03-01t10:00:00z'],
    ['a space in place of the T', '2026-03-01 10:00:00Z'],
    ['milliseconds since 1970', '1772359200000'],
    ['a year of five digits', '10000-01-01T00:00:00Z'],
    ['a word', 'yesterday'],
    ['nothing', ''],
  ])('%s is refused', (_, given) => {
    expect(read({ time_from: given })).toEqual(['time_from']);
    expect(read({ time_to: given })).toEqual(['time_to']);
  });
});

describe('the window (contract 3.2)', () => {
  test.each([
    ['of one millisecond', '2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00.001Z', []],
    ['of zero length', '2026-03-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z', ['time_to']],
    ['backwards', '2026-03-01T00:00:00.000Z', '2026-02-28T23:59:59.999Z', ['time_to']],
    ['of all possible event times', '1969-12-31T23:59:59Z', '2201-01-01T00:00:00Z', []],
    ['of all times', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', []],
    ['that ends after the acceptance', '2026-03-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z', []],
    ['that begins at the acceptance and has no end', '2026-03-02T00:00:00.000Z', null, ['time_to']],
    ['that begins just before it and has no end', '2026-03-01T23:59:59.999Z', null, []],
  ])('%s', (_, time_from, time_to, faults) => {
    const result = readParameters({ ...least, time_from, ...(time_to === null ? {} : { time_to }) }, acceptedAt);
    expect('faults' in result ? result.faults.map(({ parameter }) => parameter) : []).toEqual(faults);
  });
});

describe('choices (contract 3.1)', () => {
  test.each([
    ['filter_events', ['any', 'started', 'completed']],
    ['filter_state', ['any', 'active', 'inactive']],
    ['format', ['csv', 'json', 'ndjson']],
    ['compression', ['uncompressed', 'zip', 'gzip']],
    ['extensions', ['columns', 'json', 'none']],
    ['header', ['false', 'true']],
    ['manifest', ['false', 'true']],
    ['wait', ['end', 'complete', 'none']],
  ] as const)('%s is one of %j and nothing else', (name, words) => {
    for (const word of words) expect(Object.values(read({ [name]: word })).map(String)).toContain(word);
    for (const word of ['', 'ANY', 'Csv', ' csv', 'gz', '1', 'yes', 'constructor']) {
      expect(read({ [name]: word }), word).toEqual([name]);
    }
  });

  test.each([
    ['label,Survey.rating', ['label', 'Survey.rating']],
    ['one', ['one']],
    [' spaced , Ünï', [' spaced ', ' Ünï']],
  ])('extension_columns %j', (extension_columns, columns) => {
    expect(read({ extension_columns })).toMatchObject({ extensionColumns: columns });
  });

  test.each(['', 'a,,b', 'a,', 'a,b,a'])('extension_columns %j is refused', extension_columns => {
    expect(read({ extension_columns })).toEqual(['extension_columns']);
  });

  test.each(['json', 'none'])('extension_columns does not go with extensions=%s', extensions => {
    expect(read({ extension_columns: 'a', extensions })).toEqual(['extension_columns']);
  });
});

test('the message names every fault with the given value and what is allowed (contract 3.1, 5.9)', () => {
  const given = { time_from: 'x', filter_events: 'y', separator: 'z', header: 'w', size: 'big' };
  const result = readParameters(given, acceptedAt);
  const messages = 'faults' in result ? result.faults.map(({ message }) => message) : [];
  expect(messages).toEqual([
    'file_prefix is required',
    expect.stringMatching(/^time_from is "x"; allowed is a date and time with zone/),
    'filter_events is "y"; allowed is any, started, completed',
    expect.stringMatching(/^separator is "z"; allowed is "," ";"/),
    'header is "w"; allowed is true, false',
    `size is not a parameter; allowed are ${parameterNames.join(', ')}`,
  ]);
});

test('an empty window is named beside other faults', () => {
  expect(read({ time_to: '2026-02-01T00:00:00Z', format: 'xml' })).toEqual(['format', 'time_to']);
});

test('any text is read, or refused with a message that names the parameter', () => {
  const name = fc.constantFrom(...parameterNames);
  fc.assert(
    fc.property(fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 30 })), given => {
      const result = readParameters(given, acceptedAt);
      if (!('faults' in result)) return;
      for (const { parameter, message } of result.faults) expect(message).toContain(parameter);
    }),
  );
});
