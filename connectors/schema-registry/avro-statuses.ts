import avro, { type Type } from 'avsc';
import type { Status } from '../../pipeline/requests/statuses.ts';
import { readControlSchema } from '../../schemas/avro/files.ts';
import { wireFormat } from '../../schemas/events/wire-format.ts';
import type { RegistryHttp } from './http.ts';
import { registeredId, type SubjectSchema } from './subjects.ts';

/** Writes statuses as Avro in the wire format, with our schema, which is registered when the first one is written. */
export class AvroStatuses {
  readonly #http: RegistryHttp;
  readonly #schema: SubjectSchema;
  readonly #type: Type;
  #id: number | null = null;

  /** The subject is named after topic and record (Confluent's TopicRecordNameStrategy). */
  constructor(http: RegistryHttp, topic: string) {
    const text = readControlSchema('control.status');
    this.#http = http;
    this.#schema = { subject: `${topic}-control.status`, text };
    this.#type = avro.Type.forSchema(JSON.parse(text));
  }

  /** Throws `REGISTRY_UNREACHABLE`, to be tried again, while the schema's id cannot be had; `INTERRUPTED` on abort. */
  async encode(text: string, signal: AbortSignal): Promise<Buffer> {
    this.#id ??= await registeredId(this.#http, this.#schema, signal);
    // Written by us, from this type.
    const { at, manifest, ...status } = JSON.parse(text) as Status;
    const said = { ...status, at: Date.parse(at), manifest: manifest === null ? null : JSON.stringify(manifest) };
    return wireFormat(this.#id, this.#type.toBuffer(said));
  }
}
