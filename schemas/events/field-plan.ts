import { carriedFields, type EventKind, kindSpecs, occasionFields, type TransitionSide } from './events.ts';
import { type FieldReader, fieldReaders } from './fields.ts';

/** One field of a kind: its position in the event, its reader, and the position of its value. */
export interface PlannedField {
  /** The dotted path of the field, as a `Reject` names it. */
  readonly path: string;
  readonly name: string;
  /** Position of the field, or of the side that holds it, among the members that are read. */
  readonly at: number;
  readonly side: TransitionSide;
  /** Position in `carriedFields` of kind and side; null for the id that identifies the row. */
  readonly field: number | null;
  readonly reader: FieldReader<unknown>;
}

/** Position of each member that some kind reads; all other members are dropped while parsing. */
export const memberPositions: ReadonlyMap<string, number> = new Map(
  ['event', 'timestamp', 'extensions', 'from', 'to', ...Object.keys(fieldReaders)].map((name, at) => [name, at]),
);

export function positionOf(member: string): number {
  const at = memberPositions.get(member);
  if (at === undefined) throw new Error(`the member ${member} is not read`);
  return at;
}

/** The fields of a kind without service_id, in the order in which they are checked. */
interface Plan {
  readonly required: readonly PlannedField[];
  readonly all: readonly PlannedField[];
}

export const plans = Object.fromEntries(
  Object.entries(kindSpecs).map(([kind, { required, optional }]) => {
    const fields = required.slice(1).map(path => planField(kind as EventKind, path, true));
    return [
      kind,
      { required: fields, all: [...fields, ...optional.map(path => planField(kind as EventKind, path, false))] },
    ];
  }),
) as unknown as Readonly<Record<EventKind, Plan>>;

/** The id field of an extension update whose `entity` is a state or a task. */
export const updatedIds = {
  state: planField('extension.updated', 'state_id', true),
  task: planField('extension.updated', 'task_id', true),
};

export const occasionPlan = occasionFields.map(name => ({ name, at: positionOf(name) }));

function planField(kind: EventKind, path: string, required: boolean): PlannedField {
  const [head, tail] = path.split('.') as [string, string?];
  const name = tail ?? head;
  const reader = fieldReaders[name];
  if (reader === undefined) throw new Error(`no reader for the field ${path}`);
  const side = tail === undefined ? null : head === 'from' ? 'from' : 'to';
  const isId = required && (name === 'state_id' || name === 'task_id');
  return {
    path,
    name,
    at: positionOf(head),
    side,
    field: isId ? null : carriedFields(kind, side).indexOf(name),
    reader,
  };
}
