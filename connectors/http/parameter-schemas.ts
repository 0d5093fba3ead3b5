import type { KindName } from '../../pipeline/export/parameter-kinds.ts';
import {
  describeParameter,
  type Parameter,
  type ParameterName,
  parameterNames,
  parameterTable,
} from '../../pipeline/export/parameter-table.ts';

/** JSON Schema members for parameters of an export. */
interface QueryMembers {
  readonly properties: Readonly<Record<string, object>>;
  readonly required: readonly ParameterName[];
}

/** All parameters of an export. */
export const exportParameters = queryMembers(parameterNames);

/** The parameters of the window and its filters. */
export const selectionParameters = queryMembers(['time_from', 'time_to', 'filter_events', 'filter_state']);

function queryMembers(names: readonly ParameterName[]): QueryMembers {
  return {
    properties: Object.fromEntries(names.map(name => [name, parameterSchema(name)])),
    required: names.filter(name => 'required' in parameterTable[name]),
  };
}

function parameterSchema(name: ParameterName): object {
  const { kind }: Parameter<unknown> = parameterTable[name];
  const shapes: Readonly<Record<KindName, object>> = {
    time: { type: 'string', format: 'date-time' },
    choice: { type: 'string', enum: kind.choices },
    flag: { type: 'boolean' },
    separator: { type: 'string', minLength: 1, maxLength: 2 },
    list: { type: 'string', minLength: 1 },
    text: { type: 'string', minLength: 1 },
  };
  return { ...shapes[kind.name], description: describeParameter(name) };
}
