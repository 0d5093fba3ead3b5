import type { EncodeStatus } from '../../connectors/kafka/status-topic.ts';
import { AvroStatuses } from '../../connectors/schema-registry/avro-statuses.ts';
import { openRegistryHttp } from '../schema-registry.ts';
import type { Config } from '../settings.ts';

/** How the settings want statuses written. The signal ends the asking for the schema's id. */
export function statusEncoding(config: Config, topic: string, signal: AbortSignal): EncodeStatus {
  const http = config.status_format === 'avro' ? openRegistryHttp(config) : null;
  if (http === null) return async status => status;
  const statuses = new AvroStatuses(http, topic);
  return status => statuses.encode(status, signal);
}
