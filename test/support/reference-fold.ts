type Row = Record<string, unknown> & { extensions: Map<string, unknown> };
export type RawEvent = Record<string, unknown> & { event: string; service_id: string };

const occasion = [
  'session_id',
  'interaction_id',
  'application_type',
  'application_id',
  'resource_type',
  'resource_id',
  'media_type',
];
const own = [
  'service_type',
  'customer_id',
  'contact_key',
  'state_type',
  'previous_state_id',
  'task_type',
  'est_duration',
  'disposition',
  'disposition_desc',
];

/** The law of the contract's section 2 in its shortest form, against which the real fold is judged. */
export function referenceFold(events: readonly RawEvent[]): Map<string, Row> {
  const rows = new Map<string, Row>();
  const set = (entity: string, event: RawEvent, id: unknown, side: string | null, more: object = {}): void => {
    const key = JSON.stringify([entity, event.service_id, id]);
    const row: Row = rows.get(key) ?? { extensions: new Map() };
    rows.set(key, row);
    const said: Record<string, unknown> = { ...event, ...more };
    if (side !== null) {
      for (const name of own) if (said[name] !== undefined) row[name] = String(said[name]);
      if (entity === 'task' && side === 'start' && said.state_id !== undefined) row.state_id = said.state_id;
      for (const name of occasion) if (said[name] !== undefined) row[`${side}_${name}`] = String(said[name]);
      if (event.event !== 'service.associated') row[`${side}_timestamp`] = said.timestamp;
    }
    for (const [name, value] of Object.entries(said.extensions ?? {})) row.extensions.set(name, value);
  };
  for (const event of events) {
    const [entity = '', verb] = event.event.split('.');
    const side = verb === 'completed' ? 'end' : 'start';
    if (verb === 'deleted')
      for (const key of [...rows.keys()]) if (JSON.parse(key)[1] === event.service_id) rows.delete(key);
    if (verb === 'updated')
      set(String(event.entity), event, event[`${event.entity}_id`], null, {
        extensions: { [String(event.name)]: event.value },
      });
    if (verb === 'transitioned') {
      const { from, to } = event as unknown as { from: { state_id: string }; to: { state_id: string } };
      set('state', event, from.state_id, 'end', { ...from, extensions: {} });
      set('state', event, to.state_id, 'start', { ...to, previous_state_id: from.state_id });
    }
    if (verb === 'started' || verb === 'completed' || verb === 'associated')
      set(entity, event, event[`${entity}_id`], side);
  }
  return rows;
}

/** The same shape from the tables of a database. */
export async function storedRows(
  query: (sql: string) => Promise<readonly (readonly unknown[])[]>,
): Promise<Map<string, Row>> {
  const rows = new Map<string, Row>();
  for (const entity of ['service', 'state', 'task']) {
    const found = await query(`SELECT to_json(x)::VARCHAR FROM ${entity}s x`);
    for (const [text] of found) {
      const { service_id, is_anonymous: _, extensions, ...columns } = JSON.parse(String(text));
      const id = entity === 'service' ? service_id : columns[`${entity}_id`];
      if (entity !== 'service') delete columns[`${entity}_id`];
      const row: Row = { extensions: new Map(Object.entries(extensions === null ? {} : JSON.parse(extensions))) };
      for (const [name, value] of Object.entries(columns)) if (value !== null) row[name] = asGiven(name, value);
      const key = JSON.stringify([entity, service_id, id]);
      if (rows.has(key)) throw new Error(`${key} is there twice`);
      rows.set(key, row);
    }
  }
  return rows;
}

function asGiven(name: string, value: unknown): unknown {
  return name.endsWith('_timestamp') ? new Date(`${String(value).replace(' ', 'T')}Z`).toISOString() : String(value);
}

/** As lists, because the order of extensions is part of the law and maps compare without it. */
export function listed(rows: ReadonlyMap<string, Row>): unknown {
  return [...rows].map(([key, row]) => [key, { ...row, extensions: [...row.extensions] }]).toSorted();
}
