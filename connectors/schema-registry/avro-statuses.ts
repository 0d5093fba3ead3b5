import avro, { type Type } from 'avsc';
import type { Status } from '../../pipeline/requests/statuses.ts';
import { readControlSchema } from '../../schemas/avro/files.ts';
import { wireFormat } from '../../schemas/events/wire-format.ts';
import type { RegistryHttp } from './http.ts';
import { registeredId, type SubjectSchema } from './subjects.ts';

/**
 * Encodes statuses as Avro in Confluent's wire format. It registers Tidemark's schema before the first one, if it is
 * not registered yet.
 */
export class AvroStatuses {
  readonly #http: RegistryHttp;
  readonly #schema: SubjectSchema;
  readonly #type: Type;
  #id: number | null = null;

  /** The subject's name consists of topic and record name (Confluent's TopicRecordNameStrategy). */
  constructor(http: RegistryHttp, topic: string) {
    const text = readControlSchema('control.status');
    this.#http = http;
    this.#schema = { subject: `${topic}-control.status`, text };
    this.#type = avro.Type.forSchema(JSON.parse(text));
  }

  /**
   * `text` is a status as JSON. Throws `REGISTRY_UNREACHABLE`, which can be retried, while the registry returns no schema
   * id, and `INTERRUPTED` on abort.
   */
  async encode(text: string, signal: AbortSignal): Promise<Buffer> {
    this.#id ??= await registeredId(this.#http, this.#schema, signal);
    // The text needs no check: Tidemark wrote it from a `Status`.
    const { at, manifest, ...status } = JSON.parse(text) as Status;
    const record = { ...status, at: Date.parse(at), manifest: manifest === null ? null : JSON.stringify(manifest) };
    return wireFormat(this.#id, this.#type.toBuffer(record));
  }
}
