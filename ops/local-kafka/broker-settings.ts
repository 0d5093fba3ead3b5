import { readFile } from 'node:fs/promises';
import { fillSql } from '../../schemas/sql.ts';
import { localKafkaFile } from './java.ts';

interface BrokerPlaces {
  /** Where it listens: `NAME://host:port` with commas between. */
  readonly listeners: string;
  /** The same as clients reach it. */
  readonly advertised: string;
  /** `NAME:PROTOCOL` of each listener. */
  readonly protocols: string;
  readonly controllerPort: number;
  /** Folder of the records. */
  readonly data: string;
  /** Added or replaced. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Text of a node's `server.properties`. */
export async function brokerSettings(places: BrokerPlaces): Promise<string> {
  const { controllerPort, properties, ...texts } = places;
  const template = await readFile(localKafkaFile('server.properties'), 'utf8');
  const added = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  // Of a name that comes twice the last value counts.
  return `${fillSql(template, { ...texts, controller_port: controllerPort })}\n${added.join('')}`;
}
