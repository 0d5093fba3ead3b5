import { Command } from 'commander';
import type { RegistryHttp } from '../../connectors/schema-registry/http.ts';
import {
  checkSchema,
  incompatible,
  registerSchema,
  type Standing,
  type SubjectSchema,
} from '../../connectors/schema-registry/subjects.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { readControlSchema, readOwnSchemas } from '../../schemas/avro/files.ts';
import { commandWithSettings, prepareRun, withExamples } from '../command.ts';
import { formatTable, type Output } from '../output.ts';
import { openRegistryHttp } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';

const registry = '--registry-url http://localhost:8081';
const examples = {
  register: [`tidemark schemas register --topic calls ${registry}`, 'tidemark schemas register --topic calls --json'],
  check: [`tidemark schemas check --topic calls ${registry}`, 'tidemark schemas check --topic calls --json'],
};

/** `tidemark schemas register|check`: Tidemark's Avro schemas in the schema registry. */
export function schemasCommand(): Command {
  const register = subcommand(
    'register',
    'register the schemas for a topic; those already registered keep their ids',
    registerAll,
  );
  const check = subcommand('check', 'check whether the registry would accept the schemas; registers nothing', checkAll);
  const all = [...examples.register, ...examples.check];
  return withExamples(new Command('schemas').description("register or check Tidemark's Avro schemas"), all)
    .addCommand(register)
    .addCommand(check);
}

interface RegistryCall {
  readonly http: RegistryHttp;
  readonly schemas: readonly SubjectSchema[];
  readonly signal: AbortSignal;
}

function subcommand(
  name: keyof typeof examples,
  summary: string,
  act: (call: RegistryCall) => Promise<readonly Row[]>,
): Command {
  const flags = [
    ...(['registry_url', 'registry_username', 'registry_password_file', 'registry_ca_file'] as const),
    ...(['control_topic', 'status_topic'] as const),
  ];
  return commandWithSettings(name, summary, flags, examples[name])
    .requiredOption('--topic <topic>', 'the topic whose producers use the schemas')
    .action(async options => {
      const { config, output, signal } = prepareRun(options);
      const http = openRegistryHttp(config, reason => output.notice(reason));
      if (http === null)
        throw new TidemarkError('CONFIG_INVALID', 'registry_url is null; a schema registry is needed here');
      show(await act({ http, schemas: schemasOf(options.topic, config), signal }), output);
    });
}

/**
 * The subjects: named after topic and record type (Confluent's TopicRecordNameStrategy), so that one topic may hold all ten
 * kinds; also those of requests and statuses, where their topics are set.
 */
function schemasOf(topic: string, { control_topic: control, status_topic: status }: Config): readonly SubjectSchema[] {
  const schemas = readOwnSchemas().map(({ kind, text }) => ({ subject: `${topic}-${kind}`, text }));
  const further = [
    { controlTopic: control, name: 'control.request' },
    { controlTopic: status, name: 'control.status' },
  ] as const;
  for (const { controlTopic, name } of further) {
    if (controlTopic !== null) schemas.push({ subject: `${controlTopic}-${name}`, text: readControlSchema(name) });
  }
  return schemas;
}

/** Throws `SCHEMA_INCOMPATIBLE` naming every subject for which the registry would refuse the schema. */
async function checkAll({ http, schemas, signal }: RegistryCall): Promise<readonly Row[]> {
  const standings: Standing[] = [];
  for (const schema of schemas) standings.push(await checkSchema(http, schema, signal));
  const faults = standings.filter(standing => standing.standing === 'incompatible');
  if (faults.length > 0) throw incompatible(faults);
  return standings.map(rowOf);
}

/** Checks all schemas before it registers the first one, so that either all are registered or none. */
async function registerAll(call: RegistryCall): Promise<readonly Row[]> {
  await checkAll(call);
  const rows: Row[] = [];
  for (const schema of call.schemas) {
    rows.push({ ...(await registerSchema(call.http, schema, call.signal)), standing: 'registered' });
  }
  return rows;
}

/** One subject; id and version are null where it is not registered. */
interface Row {
  readonly subject: string;
  readonly standing: string;
  readonly id: number | null;
  readonly version: number | null;
}

function rowOf(standing: Standing): Row {
  const registered = standing.standing === 'registered' ? standing : { id: null, version: null };
  return { subject: standing.subject, standing: standing.standing, id: registered.id, version: registered.version };
}

function show(rows: readonly Row[], output: Output): void {
  if (output.json) {
    output.result(JSON.stringify(rows));
    return;
  }
  const cells = rows.map(({ subject, standing, id, version }) => [subject, standing, id ?? '-', version ?? '-']);
  output.result(formatTable(['subject', 'standing', 'id', 'version'], cells));
}
