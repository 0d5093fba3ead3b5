/** How to reach a Kafka cluster and what to read from it. */
export interface KafkaOptions {
  /** `host:port` of the brokers to connect to first. */
  readonly brokers: readonly string[];
  readonly topics: readonly string[];
  readonly group: string;
  /** The partitions of every topic that this process reads; null: those that the group assigns to it. */
  readonly partitions: readonly number[] | null;
  readonly security: KafkaSecurity;
  readonly sessionTimeoutMs: number;
  /** What to do when Kafka deleted records before they were read: stop, or skip them and store the gap. */
  readonly onLostRecords: 'stop' | 'skip';
  /** What to do with a record batch that cannot be read: stop, or skip it and store the gap. */
  readonly onDamagedBatch: 'stop' | 'skip';
  /** The largest unpacked size of one record batch, in bytes. */
  readonly maxUnpackedBytes: number;
  /** The largest number of records, and of bytes of keys and values, in one batch. */
  readonly batchRecords: number;
  readonly batchBytes: number;
  /** A fetch waits until the broker has this many compressed bytes, but for a quarter of a second at most. */
  readonly fetchMinBytes: number;
}

export interface KafkaSecurity {
  /** Null: unencrypted. */
  readonly tls: TlsFiles | null;
  readonly sasl: Sasl | null;
}

export interface TlsFiles {
  /** Reads the files of the settings again, because certificates are renewed. Throws when they cannot be used. */
  read(): TlsTexts;
}

/** PEM texts. */
interface TlsTexts {
  /** The authorities of the brokers' certificates; absent for those that Node knows. */
  readonly ca?: string;
  /** The certificate of this client and its key, for mutual TLS. */
  readonly cert?: string;
  readonly key?: string;
}

export type Sasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      /** A function, called when a client is made, so that the options themselves hold no secret. */
      password(): string;
    }
  | { readonly mechanism: 'oauthbearer'; token(): Promise<string> };
