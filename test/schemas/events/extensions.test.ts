import { expect, test } from 'vitest';
import { storedExtension } from '../../../schemas/events/extensions.ts';
import { parseJson } from '../../../schemas/json/json.ts';

// contract 4.10
test.each([
  ['a scalar', '"x"', ['n'], ['x']],
  ['a number as spelled', '1.50', ['n'], ['1.50']],
  ['an object by its members', '{"b":true,"1":null,"a":"t"}', ['n.b', 'n.a'], ['true', 't']],
  ['an array by its elements', '[{"rating":2},[3]]', ['n.0.rating', 'n.1.0'], ['2', '3']],
  ['null, {} and [] make none', '[null,{},[]]', [], []],
])('flattens %s', (_, json, paths, texts) => {
  expect(storedExtension('n', parseJson(json))).toEqual({ name: 'n', json, paths, texts });
});
