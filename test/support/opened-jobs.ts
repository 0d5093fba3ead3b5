import { expect, onTestFinished } from 'vitest';
import type { Asker } from '../../pipeline/export/request.ts';
import { given, MemoryService, memoryWorld, type ServiceOptions } from './memory-service.ts';

const asker: Asker = { door: 'http', client: 'anna' };

/** A running service over memory, stopped with the test, and how to submit to it. */
export async function opened(options: ServiceOptions = {}, world = memoryWorld()) {
  const service = new MemoryService(world, options);
  await service.start();
  onTestFinished(async () => {
    await service.stop();
    expect(service.crashes).toEqual([]);
  });
  const submit = (requestId: string, client = 'anna', more: Record<string, string> = {}) =>
    service.jobs.submit({ requestId, given: { ...given, ...more }, asker: { ...asker, client } });
  return { ...world, service, jobs: service.jobs, snapshots: service.snapshots, submit };
}
