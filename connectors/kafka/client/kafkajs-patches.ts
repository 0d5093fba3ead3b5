import type { Admin } from 'kafkajs';
import type { TopicIds } from './kafkajs-requests.ts';
import type { MetadataResponse } from './metadata-request.ts';

type Attempt<T> = (...context: readonly unknown[]) => Promise<T>;
type Retry = <T>(attempt: Attempt<T>) => Promise<T>;

/**
 * Makes kafkajs's retries keep the error that an attempt threw. When that error has a cause, kafkajs reports the cause in
 * its place, so that an error of Tidemark's would lose its class and code, and look like a bug.
 */
export function patchedRetry(create: (options?: object) => Retry): (options?: object) => Retry {
  return options => {
    const retry = create(options);
    return attempt => {
      let thrown: unknown;
      const keepingError: typeof attempt = async (...context) => {
        thrown = undefined;
        try {
          return await attempt(...context);
        } catch (error) {
          thrown = error;
          throw error;
        }
      };
      return retry(keepingError).catch(error => {
        const isPassedOver = thrown instanceof Error && thrown !== error && thrown.cause === error.cause;
        throw isPassedOver ? Object.assign(error, { cause: thrown }) : error;
      });
    };
  };
}

/**
 * Further options of a group member. They are properties of its partition assigner, because kafkajs passes only the
 * assigners unchanged from a consumer's configuration to its group.
 */
export interface MemberOptions {
  /** The id of the member to continue as; null joins as a new member. */
  readonly formerMemberId?: string | null;
  /** The topic ids to fetch by. */
  readonly topicIds?: TopicIds;
  /** Called when the group has confirmed that the member left. kafkajs does not report whether leaving succeeded. */
  readonly onLeft?: () => void;
}

interface GroupOptions {
  readonly assigners: readonly MemberOptions[];
}

type ConsumerGroup = new (
  options: GroupOptions,
) => {
  memberId: string | null;
  rackId: unknown;
  leave(): Promise<void>;
};

/**
 * Makes kafkajs's consumer group use `MemberOptions`. It joins as the member that the previous process was, so that the
 * group need not wait until that member's session times out. If the group no longer has that member, the broker refuses its
 * id, and kafkajs joins as a new member.
 */
export function patchedConsumerGroup(original: ConsumerGroup): ConsumerGroup {
  return class extends original {
    readonly #onLeft: MemberOptions['onLeft'];

    constructor(options: GroupOptions) {
      super(options);
      const { formerMemberId = null, topicIds = '', onLeft } = options.assigners[0] ?? {};
      this.memberId = formerMemberId;
      // See `TopicIds`.
      this.rackId = topicIds;
      this.#onLeft = onLeft;
    }

    override async leave(): Promise<void> {
      const wasMember = this.memberId !== null;
      await super.leave();
      if (wasMember) this.#onLeft?.();
    }
  };
}

/** The brokers that a client of kafkajs knows, as far as requests of our own use them. */
export interface ClientBrokers {
  /** The answer to the last `refreshMetadata`. */
  readonly metadata: MetadataResponse | null;
  /** Asks any broker about these topics; with an empty list, about all topics of the cluster. */
  refreshMetadata(topics: readonly string[]): Promise<unknown>;
  /** Connects to a broker that the metadata names. */
  findBroker(options: { readonly nodeId: number }): Promise<ClientBroker>;
}

export interface ClientBroker {
  /** Rejects when the answer has an error code for any of the partitions. */
  listOffsets(request: OffsetsRequest): Promise<OffsetsResponse>;
}

/** A ListOffsets request. A `timestamp` of -1 asks for the end of the log, -2 for its beginning. */
interface OffsetsRequest {
  /** 0: read uncommitted; 1: read committed, for which the log ends at the last stable offset. */
  readonly isolationLevel: 0 | 1;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
  }[];
}

interface OffsetsResponse {
  readonly responses: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }[];
}

/** An admin client, and the brokers that it is connected to. */
export type OpenAdmin = Admin & { readonly brokers: ClientBrokers };

type CreateAdmin = (options: { readonly cluster: { readonly brokerPool: ClientBrokers } }) => Admin;

/**
 * Makes an admin client give its brokers. Its own methods ask for one topic at a time, and always for the last stable
 * offset, never for the high watermark.
 */
export function patchedAdmin(create: CreateAdmin): CreateAdmin {
  return (options): OpenAdmin => {
    const brokers = options.cluster.brokerPool;
    if (typeof brokers.refreshMetadata !== 'function' || typeof brokers.findBroker !== 'function')
      throw new Error('kafkajs has no refreshMetadata and findBroker to call');
    return Object.assign(create(options), { brokers });
  };
}

type BrokerPool = new (
  ...options: unknown[]
) => {
  withBroker<T>(request: (target: unknown) => Promise<T>): Promise<T | null>;
};

/**
 * Makes `withBroker` throw the last error when every broker failed. kafkajs returns null and drops the errors: a missing
 * right would look like a group without a coordinator, which is retried for ever.
 */
export function patchedBrokerPool(original: BrokerPool): BrokerPool {
  return class extends original {
    override async withBroker<T>(request: (target: unknown) => Promise<T>): Promise<T | null> {
      let lastError: unknown;
      const keepingError = (target: unknown): Promise<T> =>
        request(target).catch(error => {
          lastError = error;
          throw error;
        });
      const answer = await super.withBroker(keepingError);
      if (answer === null && lastError !== undefined) throw lastError;
      return answer;
    }
  };
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  canSendSocketRequestImmediately(): boolean;
  scheduleCheckPendingRequests(): void;
}

/** Stops the timer of an idle connection: with nothing pending, kafkajs would check its queue every millisecond for ever. */
export function sleepWhenIdle({ prototype }: { readonly prototype: RequestQueue }): void {
  const schedule = prototype.scheduleCheckPendingRequests;
  if (typeof schedule !== 'function') throw new Error(`kafkajs has no scheduleCheckPendingRequests to patch`);
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0 || !this.canSendSocketRequestImmediately()) schedule.call(this);
  };
}

interface Connection {
  socket: { readonly destroyed: boolean } | undefined;
  disconnect(): Promise<unknown>;
}

/**
 * Drops a socket that is already closed before a connection is ended again. kafkajs ends both connections to a broker
 * whenever one of them fails, and each time adds a listener to the closed socket of the other. While a broker stays away,
 * memory would grow without bound.
 */
export function forgetClosedSockets({ prototype }: { readonly prototype: Connection }): void {
  const disconnect = prototype.disconnect;
  if (typeof disconnect !== 'function') throw new Error(`kafkajs has no disconnect to patch`);
  prototype.disconnect = function (this: Connection): Promise<unknown> {
    if (this.socket?.destroyed) this.socket = undefined;
    return disconnect.call(this);
  };
}
