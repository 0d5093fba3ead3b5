import { inject } from 'vitest';
import { explainSkip } from '../skipping.ts';
import { TestCluster } from './cluster.ts';
import type { DeskAnswer } from './global-setup.ts';

/** The Kafka cluster of the test run. When `available` is false there is none, and tests that need it are skipped. */
export async function sharedKafka(): Promise<TestCluster & { readonly available: boolean }> {
  const brokers = await ask<readonly string[]>('kafka');
  return Object.assign(new TestCluster(brokers ?? []), { available: brokers !== null });
}

/** The schema registry of the test run. All tests share its subjects, so name them after a unique topic. */
export async function sharedRegistry(): Promise<{ readonly url: string; readonly available: boolean }> {
  const url = await ask<string>('registry');
  return { url: url ?? '', available: url !== null };
}

/** The Chromium of the test run; `program` is its path. */
export async function sharedBrowser(): Promise<{ readonly program: string; readonly available: boolean }> {
  const program = await ask<string>('browser');
  return { program: program ?? '', available: program !== null };
}

async function ask<T>(name: 'kafka' | 'registry' | 'browser'): Promise<T | null> {
  const response = await fetch(`${inject('serviceDesk')}/${name}`);
  const answer = (await response.json()) as DeskAnswer<T>;
  if ('value' in answer) return answer.value;
  explainSkip(answer.refusal);
  return null;
}
