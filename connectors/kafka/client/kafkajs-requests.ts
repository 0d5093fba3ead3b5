import { encodeFetchRequest, type FetchOptions, fetchById } from './fetch-request.ts';
import { decodeFetchResponse, type FetchResponse } from './fetch-response.ts';
import {
  decodeMetadataResponse,
  encodeMetadataRequest,
  type MetadataOptions,
  metadataWithIds,
} from './metadata-request.ts';

/** How kafkajs describes the versions of a request: it takes the highest that the broker has too. */
export interface RequestVersions<Options, Decoded> {
  readonly versions: readonly string[];
  protocol(of: { readonly version: number }): (options: Options) => Asked<Decoded>;
}

interface Asked<Decoded> {
  readonly request: object;
  readonly response: { decode(bytes: Buffer): Promise<Decoded> | Decoded; parse(decoded: Decoded): unknown };
  readonly requestTimeout?: number;
}

/** Since version 5 (Kafka 1.0) a fetch tells where a partition begins; kafkajs's own end at 11. */
const fetchVersions = { first: 5, newestOfKafkaJs: 11 };

/**
 * Ids of topics, for fetches. kafkajs hands a consumer's rack on to its fetches as it is, and nothing else of ours: so
 * they travel in the place of the rack.
 */
export class TopicIds extends Map<string, string> {}

/** Fetches by topic id where it is known, with answers that we decode. */
export function ourFetch(
  original: RequestVersions<FetchOptions, FetchResponse>,
): RequestVersions<FetchOptions & { readonly rackId: unknown }, FetchResponse> {
  const byName = (options: FetchOptions, version: number): Asked<FetchResponse> => {
    const { response, ...asked } = original.protocol({ version })(options);
    return {
      ...asked,
      response: { decode: bytes => decodeFetchResponse(bytes, version), parse: namingTopics(response.parse) },
    };
  };
  return {
    versions: numbers(fetchVersions.first, fetchById.apiVersion),
    protocol: ({ version }) => {
      const older = Math.min(version, fetchVersions.newestOfKafkaJs);
      return ({ rackId, ...options }) => {
        const asked = byName({ ...options, ...(typeof rackId === 'string' ? { rackId } : {}) }, older);
        if (!(rackId instanceof TopicIds) || version < fetchById.apiVersion) return asked;
        return options.topics.every(({ topic }) => rackId.has(topic)) ? byId(options, rackId, asked) : asked;
      };
    },
  };
}

function byId(
  options: FetchOptions,
  topicIds: TopicIds,
  { response, ...more }: Asked<FetchResponse>,
): Asked<FetchResponse> {
  const names = new Map(Array.from(topicIds, ([topic, topicId]) => [topicId, topic]));
  const decode = (bytes: Buffer) =>
    decodeFetchResponse(bytes, fetchById.apiVersion, topicId => names.get(topicId) ?? topicId);
  const request = { ...fetchById, encode: async () => encoded(encodeFetchRequest(options, topicIds)) };
  return { ...more, request, response: { decode, parse: namingTopics(response.parse) } };
}

type Parse = (response: FetchResponse) => unknown;

/** Adds to what a fetch is refused for of which topic it was; kafkajs tells it only of offsets that are out of range. */
function namingTopics(parse: Parse): Parse {
  const named = (error: unknown, { responses }: FetchResponse): unknown => {
    if (!(error instanceof Error) || 'topic' in error) return error;
    const refused = responses.find(({ partitions }) => partitions.some(({ errorCode }) => errorCode !== 0));
    return refused === undefined ? error : Object.assign(error, { topic: refused.topicName });
  };
  return async response => {
    try {
      return await parse(response);
    } catch (error) {
      throw named(error, response);
    }
  };
}

/** Asks for the ids of topics as well, where the broker knows them. */
export function ourMetadata(
  original: RequestVersions<MetadataOptions, unknown>,
): RequestVersions<MetadataOptions, unknown> {
  const newest = Math.max(...original.versions.map(Number));
  return {
    versions: numbers(0, metadataWithIds.apiVersion),
    protocol: ({ version }) => {
      const asked = original.protocol({ version: Math.min(version, newest) });
      if (version < metadataWithIds.apiVersion) return asked;
      return options => {
        const { response, ...more } = asked(options);
        const request = { ...metadataWithIds, encode: async () => encoded(encodeMetadataRequest(options)) };
        return { ...more, request, response: { decode: decodeMetadataResponse, parse: response.parse } };
      };
    },
  };
}

function numbers(first: number, last: number): readonly string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}

/** What kafkajs wants a request's bytes in. */
function encoded(bytes: Buffer): object {
  return { buf: bytes, buffer: bytes };
}
