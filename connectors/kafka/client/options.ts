/** How to reach a Kafka cluster, and what of it is ours. */
export interface KafkaOptions {
  /** `host:port` of brokers to begin with. */
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  readonly group: string;
  /** The partitions of every topic that this process owns; null: those the group assigns. */
  readonly partitions: readonly number[] | null;
  readonly security: KafkaSecurity;
  readonly sessionTimeoutMs: number;
  /** What to do when the log no longer holds what is to be read next. */
  readonly onLostRecords: 'stop' | 'skip';
  /** The most records and bytes of one batch. */
  readonly batchRecords: number;
  readonly batchBytes: number;
  /** Packed bytes that a fetch waits for, a quarter of a second at most. */
  readonly fetchMinBytes: number;
}

export interface KafkaSecurity {
  readonly tls: TlsFiles | null;
  readonly sasl: Sasl | null;
}

/** PEM files. */
export interface TlsFiles {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

export type Sasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      /** Asked for when it is handed to the broker, so that it lies nowhere else. */
      password(): string;
    }
  | { readonly mechanism: 'oauthbearer'; token(): Promise<string> };
