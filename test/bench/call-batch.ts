interface CallBatch {
  /** Begins the ids of the new services. */
  readonly prefix: string;
  readonly round: number;
  /** The time of the first event, in milliseconds since 1970 UTC, and between two events. */
  readonly startMs: number;
  readonly stepMs: number;
}

/** 20,000 events: 2,475 services that were never seen, of 8 events each, and 200 late hits on closed ones. */
export function callBatch({ prefix, round, startMs, stepMs }: CallBatch): readonly Buffer[] {
  const lines: string[] = [];
  const say = (event: string, service: string, more: object): void => {
    const at = new Date(startMs + Math.floor(lines.length * stepMs)).toISOString();
    const occasion = {
      session_id: `AA${lines.length}`,
      interaction_id: `call-${service}`,
      application_type: 'vru',
      application_id: 'AA02',
      resource_type: 'line',
      resource_id: '04',
      media_type: 'voice',
    };
    lines.push(JSON.stringify({ event, service_id: service, timestamp: at, ...occasion, ...more }));
  };
  for (let number = 0; number < 2_475; number += 1) {
    const service = `${prefix}-${round}-${number}-0123456789abcdef`;
    say('service.started', service, {
      service_type: 'PS',
      contact_key: `K${number}`,
      est_duration: 180,
      extensions: { priority: 0 },
    });
    for (const state of [1, 2])
      say('state.started', service, { state_id: `${service}.${state}`, state_type: String(state) });
    say('task.started', service, { task_id: `${service}.t`, task_type: 'serve' });
    for (const state of [1, 2]) say('state.completed', service, { state_id: `${service}.${state}`, disposition: 'ok' });
    say('task.completed', service, { task_id: `${service}.t`, disposition: 'ok' });
    say('service.completed', service, { disposition: 'AGENT', disposition_desc: 'served by an agent' });
  }
  for (let number = 0; number < 200; number += 1)
    say('service.completed', `hit-${round * 200 + number}`, { disposition: 'LATE' });
  return lines.map(line => Buffer.from(line));
}
