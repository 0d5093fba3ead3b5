import { encodeFetchRequest, type FetchOptions, fetchById } from './fetch-request.ts';
import { decodeFetchResponse, type FetchResponse } from './fetch-response.ts';
import {
  decodeMetadataResponse,
  encodeMetadataRequest,
  type MetadataOptions,
  type MetadataResponse,
  metadataWithIds,
} from './metadata-request.ts';

/** The versions of one request, as kafkajs declares them. It sends the highest version that both it and the broker support. */
interface RequestVersions<Options, Decoded> {
  readonly versions: readonly string[];
  protocol(options: { readonly version: number }): (options: Options) => Exchange<Decoded>;
}

/** A request and its response: `decode` turns the bytes into fields; `parse` throws if a field holds an error code. */
interface Exchange<Decoded> {
  readonly request: object;
  readonly response: { decode(bytes: Buffer): Promise<Decoded> | Decoded; parse(decoded: Decoded): unknown };
  readonly requestTimeout?: number;
}

/**
 * Since version 5 (Kafka 1.0) a fetch response holds the first offset of the partition. kafkajs itself ends at version
 * 11.
 */
const fetchVersions = { first: 5, newestOfKafkaJs: 11 };

/** After so long without a record, in milliseconds, a fetch waits longer for one. */
const idleAfterMs = 5_000;
/**
 * Four fetches a second with nothing in them would cost a few percent of a core for good. The broker answers an idle
 * consumer with the first record, so that it comes no later; but stopping may take as long as this.
 */
const idleFetch = { maxWaitTime: 2_000, minBytes: 1 };

/**
 * Topic ids by topic name, for fetches, and when records came last. They are passed in the consumer's field `rackId`,
 * because that is the only value that kafkajs passes unchanged from a consumer to its fetch requests.
 */
export class TopicIds extends Map<string, string> {
  #recordsAt = performance.now();

  /** The options of the next fetch. */
  paced(options: FetchOptions): FetchOptions {
    return performance.now() - this.#recordsAt > idleAfterMs ? { ...options, ...idleFetch } : options;
  }

  note({ responses }: FetchResponse): void {
    const hasRecords = responses.some(({ partitions }) => partitions.some(({ messages }) => messages.length > 0));
    if (hasRecords) this.#recordsAt = performance.now();
  }
}

/**
 * Replaces the fetch request: it fetches by topic id where all ids are known, and decodes the response with
 * `decodeFetchResponse`.
 */
export function patchedFetch(
  original: RequestVersions<FetchOptions, FetchResponse>,
): RequestVersions<FetchOptions & { readonly rackId: unknown }, FetchResponse> {
  const byName = (options: FetchOptions, version: number): Exchange<FetchResponse> => {
    const { response, ...more } = original.protocol({ version })(options);
    return {
      ...more,
      response: {
        decode: bytes => decodeFetchResponse(bytes, version),
        parse: withTopicInErrors(response.parse, topicOfFetch),
      },
    };
  };
  return {
    versions: versionRange(fetchVersions.first, fetchById.apiVersion),
    protocol: ({ version }) => {
      const older = Math.min(version, fetchVersions.newestOfKafkaJs);
      return ({ rackId, ...given }) => {
        if (!(rackId instanceof TopicIds))
          return byName({ ...given, ...(typeof rackId === 'string' ? { rackId } : {}) }, older);
        const options = rackId.paced(given);
        const named = byName(options, older);
        const hasIds = version >= fetchById.apiVersion && options.topics.every(({ topic }) => rackId.has(topic));
        return noting(hasIds ? byId(options, rackId, named) : named, rackId);
      };
    },
  };
}

function byId(
  options: FetchOptions,
  topicIds: TopicIds,
  { response, ...more }: Exchange<FetchResponse>,
): Exchange<FetchResponse> {
  const names = new Map(Array.from(topicIds, ([topic, topicId]) => [topicId, topic]));
  const decode = (bytes: Buffer) =>
    decodeFetchResponse(bytes, fetchById.apiVersion, topicId => names.get(topicId) ?? topicId);
  const request = { ...fetchById, encode: async () => encoded(encodeFetchRequest(options, topicIds)) };
  return { ...more, request, response: { decode, parse: withTopicInErrors(response.parse, topicOfFetch) } };
}

/** The same exchange, which notes whether records came. */
function noting({ response, ...more }: Exchange<FetchResponse>, topicIds: TopicIds): Exchange<FetchResponse> {
  const decode = async (bytes: Buffer): Promise<FetchResponse> => {
    const decoded = await response.decode(bytes);
    topicIds.note(decoded);
    return decoded;
  };
  return { ...more, response: { ...response, decode } };
}

type Parse<Response> = (response: Response) => unknown;

/** Adds the topic to the error of a failed request. kafkajs does so only for fetches of offsets out of range. */
function withTopicInErrors<Response>(
  parse: Parse<Response>,
  failedTopic: (response: Response) => string | undefined,
): Parse<Response> {
  const withTopic = (error: unknown, response: Response): unknown => {
    if (!(error instanceof Error) || 'topic' in error) return error;
    const topic = failedTopic(response);
    return topic === undefined ? error : Object.assign(error, { topic });
  };
  return async response => {
    try {
      return await parse(response);
    } catch (error) {
      throw withTopic(error, response);
    }
  };
}

function topicOfFetch({ responses }: FetchResponse): string | undefined {
  return responses.find(({ partitions }) => partitions.some(({ errorCode }) => errorCode !== 0))?.topicName;
}

/** kafkajs throws the error of a topic before that of a partition. */
function topicOfMetadata({ topicMetadata: topics }: MetadataResponse): string | undefined {
  const failed =
    topics.find(({ topicErrorCode }) => topicErrorCode !== 0) ??
    topics.find(({ partitionMetadata }) =>
      partitionMetadata.some(({ partitionErrorCode }) => partitionErrorCode !== 0),
    );
  return failed?.topic;
}

/** Replaces the metadata request: it also reads the topic ids, when the broker supports them. */
export function patchedMetadata(
  original: RequestVersions<MetadataOptions, MetadataResponse>,
): RequestVersions<MetadataOptions, MetadataResponse> {
  const newest = Math.max(...original.versions.map(Number));
  return {
    versions: versionRange(0, metadataWithIds.apiVersion),
    protocol: ({ version }) => {
      const older = original.protocol({ version: Math.min(version, newest) });
      return options => {
        const { response, ...more } = older(options);
        const parse = withTopicInErrors(response.parse, topicOfMetadata);
        if (version < metadataWithIds.apiVersion) return { ...more, response: { decode: response.decode, parse } };
        const request = { ...metadataWithIds, encode: async () => encoded(encodeMetadataRequest(options)) };
        return { ...more, request, response: { decode: decodeMetadataResponse, parse } };
      };
    },
  };
}

function versionRange(first: number, last: number): readonly string[] {
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}

/** A request's bytes in the form of kafkajs's encoder. */
function encoded(bytes: Buffer): object {
  return { buf: bytes, buffer: bytes };
}
