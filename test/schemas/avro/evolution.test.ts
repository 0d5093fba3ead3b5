import fc from 'fast-check';
import { expect, test } from 'vitest';
import { idAndTime, instant, through, whole } from '../../support/avro-events.ts';

/** A type of Avro and a value of it, as avsc writes it; names are given when the schema is put together. */
interface Typed {
  readonly type: unknown;
  readonly value: unknown;
}

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const text = fc.string({ unit: 'binary', maxLength: 12 });
const scalar: fc.Arbitrary<Typed> = fc.oneof(
  fc.constant({ type: 'null', value: null }),
  fc.boolean().map(value => ({ type: 'boolean', value })),
  fc.integer().map(value => ({ type: 'int', value })),
  long.map(value => ({ type: 'long', value })),
  fc.float({ noNaN: true }).map(value => ({ type: 'float', value })),
  fc.double({ noNaN: true }).map(value => ({ type: 'double', value })),
  fc.uint8Array({ maxLength: 9 }).map(bytes => ({ type: 'bytes', value: Buffer.from(bytes) })),
  text.map(value => ({ type: 'string', value })),
);

let names = 0;
/** No two types of a schema may have one name. */
function named(type: object): object {
  names += 1;
  return { ...type, name: `Named${names}` };
}

const nested = (inner: fc.Arbitrary<Typed>): fc.Arbitrary<Typed> =>
  fc.oneof(
    fc.tuple(inner, fc.nat(3)).map(([{ type, value }, count]) => ({
      type: { type: 'array', items: type },
      value: new Array(count).fill(value),
    })),
    fc.tuple(inner, fc.uniqueArray(text, { maxLength: 3 })).map(([{ type, value }, keys]) => ({
      type: { type: 'map', values: type },
      value: Object.fromEntries(keys.map(key => [`k${key}`, value])),
    })),
    fc.array(inner, { maxLength: 4 }).map(fields => ({
      type: named({ type: 'record', fields: fields.map(({ type }, at) => ({ name: `f${at}`, type })) }),
      value: Object.fromEntries(fields.map(({ value }, at) => [`f${at}`, value])),
    })),
    fc.integer({ min: 0, max: 2 }).map(at => ({
      type: named({ type: 'enum', symbols: ['A', 'B', 'C'] }),
      value: ['A', 'B', 'C'][at],
    })),
    fc.uint8Array({ maxLength: 4 }).map(bytes => ({
      type: named({ type: 'fixed', size: bytes.length }),
      value: Buffer.from(bytes),
    })),
  );

const anything = nested(fc.oneof(scalar, nested(fc.oneof(scalar, nested(scalar)))));
const other = fc.oneof(scalar, anything);

test('whatever other fields a writer has, and in whatever order, the event is the same (contract 1.5, 1.16)', () => {
  const customer = fc.oneof(
    long.map(value => ({ type: ['null', 'int', 'long'], value: { long: value }, kept: String(value) })),
    text.map(value => ({ type: ['string', 'null'], value: { string: value }, kept: value })),
    fc.constant({ type: ['string', 'null'], value: null, kept: undefined }),
  );
  fc.assert(
    fc.property(
      fc.array(other, { maxLength: 6 }),
      customer,
      fc.infiniteStream(fc.nat()),
      (others, { kept, ...given }, order) => {
        const fields = [
          ...idAndTime.map(field => ({ field, value: whole[field.name as keyof typeof whole] })),
          { field: { name: 'customer_id', type: given.type }, value: given.value },
          ...others.map(({ type, value }, at) => ({ field: { name: `other${at}`, type }, value })),
        ]
          .map(field => ({ ...field, place: order.next().value as number }))
          .toSorted((one, another) => one.place - another.place);
        const schema = { type: 'record', name: 'service.started', fields: fields.map(({ field }) => field) };
        const value = Object.fromEntries(fields.map(({ field, value }) => [field.name, value]));
        expect(through(schema, value)).toEqual({
          kind: 'service.started',
          service_id: 's',
          id: 's',
          fields: [undefined, kept, undefined, undefined],
          occasion: { timestamp: instant, values: new Array(7).fill(undefined) },
          extensions: null,
        });
      },
    ),
    { numRuns: 1_000 },
  );
});
