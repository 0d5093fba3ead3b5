import { readdirSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import type { KindName } from '../../../pipeline/export/parameter-kinds.ts';
import { type ParameterName, parameterNames, parameterTable } from '../../../pipeline/export/parameter-table.ts';
import { replayParameterNames } from '../../../pipeline/requests/replay-parameters.ts';
import { type ControlRecordName, readControlSchema } from '../../../schemas/avro/files.ts';
import { kindSpecs, occasionFields } from '../../../schemas/events/events.ts';
import { kinds, schemaText } from '../../support/avro.ts';

/** The Avro type of each field that is no id or code. */
const otherTypes: Readonly<Record<string, unknown>> = {
  est_duration: ['null', 'long'],
  disposition_desc: ['null', 'string'],
  timestamp: ['null', { type: 'long', logicalType: 'timestamp-millis' }],
  extensions: ['null', 'string'],
  entity: { type: 'enum', name: 'entity', symbols: ['service', 'state', 'task'] },
  name: 'string',
  value: ['null', 'string'],
};

interface Field {
  readonly name: string;
  readonly type: unknown;
  readonly default?: null;
  readonly doc?: string;
}

function fieldOf(name: string, required: boolean): Field {
  const code = required ? ['string', 'long'] : ['null', 'string', 'long'];
  const type = otherTypes[name] ?? code;
  return required ? { name, type } : { name, type, default: null };
}

/** The fields that the contract's table gives a kind, in its order; those of a transition's halves lie in records. */
function wantedFields(kind: (typeof kinds)[number]): readonly Field[] {
  const { required, optional } = kindSpecs[kind];
  const all = [...required.map(path => ({ path, must: true })), ...optional.map(path => ({ path, must: false }))];
  const own = all.filter(({ path }) => !path.includes('.')).map(({ path, must }) => fieldOf(path, must));
  const halves = kind !== 'state.transitioned' ? [] : ['from', 'to'];
  const nested = halves.map(name => {
    const inside = all.filter(({ path }) => path.startsWith(`${name}.`));
    const fields = inside.map(({ path, must }) => fieldOf(path.slice(name.length + 1), must));
    return { name, type: { type: 'record', name, fields } };
  });
  if (kind === 'service.deleted') return own;
  if (kind === 'extension.updated')
    return [...own, ...['state_id', 'task_id', 'timestamp'].map(name => fieldOf(name, false))];
  return [...own, ...nested, ...['timestamp', ...occasionFields, 'extensions'].map(name => fieldOf(name, false))];
}

/** Without the sentences for readers. */
const undocumented = (text: string) => JSON.parse(text, (name, value) => (name === 'doc' ? undefined : value));

describe.each(kinds)('%s.avsc', kind => {
  test('has the fields of its kind, in the order of the table (contract 1.6)', () => {
    const [namespace, name] = kind.split('.');
    expect(undocumented(schemaText(kind))).toEqual({ type: 'record', namespace, name, fields: wantedFields(kind) });
  });

  test('is valid Avro for avsc, under the name of its kind', () => {
    expect(avro.Type.forSchema(JSON.parse(schemaText(kind)), { wrapUnions: true }).name).toBe(kind);
  });
});

/** The field of `control.request.avsc` for a parameter of an export: times as text or instant, flags as booleans. */
function parameterField(kindOf: ParameterName, name: string = kindOf): Field {
  const given: Readonly<Record<KindName, readonly unknown[]>> = {
    time: ['string', { type: 'long', logicalType: 'timestamp-millis' }],
    flag: ['boolean'],
    choice: ['string'],
    separator: ['string'],
    list: ['string'],
    text: ['string'],
  };
  return { name, type: ['null', ...given[parameterTable[kindOf].kind.name]], default: null };
}

describe('the control topic', () => {
  const fieldsOf = (name: ControlRecordName): readonly Field[] => JSON.parse(readControlSchema(name)).fields;

  test('its requests have an action and exactly the parameters of an export and of a replay, in the order and with the types of their tables', () => {
    const [action, ...all] = fieldsOf('control.request');
    const parameters = all.slice(0, parameterNames.length);
    expect(action).toMatchObject({ name: 'action', type: { symbols: ['export', 'cancel', 'replay'] } });
    expect(undocumented(JSON.stringify(parameters))).toEqual(parameterNames.map(name => parameterField(name)));
    const ofReplays = [
      ...[parameterField('time_from', 'from'), parameterField('time_from', 'until')],
      parameterField('manifest', 'allow_gaps'),
    ];
    expect(undocumented(JSON.stringify(all.slice(parameterNames.length)))).toEqual(ofReplays);
    expect(ofReplays.map(({ name }) => name)).toEqual(replayParameterNames);
    const required = parameters.filter(({ doc }) => doc?.startsWith('required by an export')).map(({ name }) => name);
    expect(required).toEqual(parameterNames.filter(name => 'required' in parameterTable[name]));
  });

  test('its statuses have the members of the contract, in their order (contract 5.18)', () => {
    expect(fieldsOf('control.status').map(({ name }) => name)).toEqual([
      ...['request_id', 'sequence', 'status', 'at', 'progress', 'created', 'rows', 'manifest', 'error'],
      ...['completeness', 'changed_since', 'service', 'action'],
    ]);
  });

  test('both are valid Avro for avsc, under their names, and there is no other', () => {
    const names = ['control.request', 'control.status'] as const;
    for (const name of names) expect(avro.Type.forSchema(JSON.parse(readControlSchema(name))).name).toBe(name);
    expect(readdirSync('schemas/control').toSorted()).toEqual(names.map(name => `${name}.avsc`));
  });
});

test('there is one schema for each kind, and no other', () => {
  const schemaFiles = readdirSync('schemas/avro').filter(name => name.endsWith('.avsc'));
  expect(schemaFiles.toSorted()).toEqual(kinds.map(kind => `${kind}.avsc`).toSorted());
});
