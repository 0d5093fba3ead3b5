import { importedFiles, sourcesOf } from './support/sources.ts';

/** Where tests ask for the Kafka, the registry and the browser of the run. */
const sharedServers = 'test/support/kafka/shared.ts';

/** Tests that start nothing but take more than ten seconds, or that need whatever the documents name. */
const longTests = ['test/connectors/duckdb/read/slices.test.ts', 'test/docs.test.ts', 'test/journeys/', 'test/faults/'];

const texts = new Map(['test', 'ops/local-kafka'].flatMap(sourcesOf).map(({ file, text }) => [file, text]));

/**
 * Every test file in its lane. `fast` starts no process and no server of another program, and is short; `slow` is the
 * rest. A new file finds its lane by what it imports, so nobody keeps a list.
 */
export function lanes(): { readonly fast: readonly string[]; readonly slow: readonly string[] } {
  const tests = Array.from(texts.keys()).filter(file => file.endsWith('.test.ts'));
  const isSlow = (file: string): boolean =>
    longTests.some(long => file.startsWith(long)) || importsOf(file, new Set()).some(startsSomething);
  return { fast: tests.filter(file => !isSlow(file)), slow: tests.filter(isSlow) };
}

function startsSomething(file: string): boolean {
  return file === sharedServers || texts.get(file)!.includes("from 'node:child_process'");
}

/** A source and those that it imports, directly or through others. */
function importsOf(file: string, seen: Set<string>): readonly string[] {
  const text = texts.get(file);
  if (text === undefined || seen.has(file)) return [];
  seen.add(file);
  for (const target of importedFiles(file, text)) importsOf(target, seen);
  return [...seen];
}
