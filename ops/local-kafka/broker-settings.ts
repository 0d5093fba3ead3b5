import { readFile } from 'node:fs/promises';
import { fillTemplate } from '../../schemas/package-files.ts';
import { localKafkaFile } from './java.ts';

interface BrokerPlaces {
  /** The addresses to listen on: `NAME://host:port`, separated by commas. */
  readonly listeners: string;
  /** The same addresses as clients reach them. */
  readonly advertised: string;
  /** `NAME:PROTOCOL` of each listener. */
  readonly protocols: string;
  readonly controllerPort: number;
  /** The folder for records. */
  readonly data: string;
  /** Further settings, which replace those of the template. */
  readonly properties: Readonly<Record<string, string>>;
}

/** The text of a node's `server.properties`. */
export async function brokerSettings(places: BrokerPlaces): Promise<string> {
  const { controllerPort, properties, ...texts } = places;
  const template = await readFile(localKafkaFile('server.properties'), 'utf8');
  const added = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`);
  // When a name occurs twice, Kafka uses the last value.
  return `${fillTemplate(template, { ...texts, controller_port: controllerPort })}\n${added.join('')}`;
}
