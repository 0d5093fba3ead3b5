import { importedFiles, sourcesOf } from './support/sources.ts';

/** Where tests ask for the Kafka, the registry and the browser of the run. */
const sharedServers = 'test/support/kafka/shared.ts';

/** Tests that start nothing but take more than ten seconds, or that need whatever the documents name. */
const longTests = [
  ...['test/connectors/duckdb/read/slices.test.ts', 'test/docs.test.ts', 'test/journeys/', 'test/faults/'],
  ...['test/simulation/law-long.test.ts', 'test/simulation/mistakes.test.ts', 'test/pipeline/ingest/fold-law.test.ts'],
  'test/connectors/duckdb/warehouse-contract.test.ts',
];

/** Tests that take half a minute or more of both cores and rarely find anything. */
const soakOnly = ['test/connectors/export-directory/zip64.test.ts'];

const texts = new Map(['test', 'ops/local-kafka'].flatMap(sourcesOf).map(({ file, text }) => [file, text]));

/**
 * Every test file in its lane. `fast` starts no process and no server of another program, and is short; `slow` is the
 * rest. In both the files of a worker share their modules; `alone` has the files that replace or unload modules.
 * `soak` has the files that run longer when `SOAK` is set, some of which are also in the other lanes. A new file finds its
 * lane by what it imports and reads, so nobody keeps a list.
 */
export function lanes(): Readonly<Record<'fast' | 'slow' | 'alone' | 'soak', readonly string[]>> {
  const tests = Array.from(texts.keys()).filter(file => file.endsWith('.test.ts'));
  const alone = tests.filter(file => /^vi\.mock\(|\bvi\.resetModules\(|\brequire\.cache\b/m.test(texts.get(file)!));
  const others = tests.filter(file => !soakOnly.includes(file) && !alone.includes(file));
  const isSlow = (file: string): boolean =>
    longTests.some(long => file.startsWith(long)) || importsOf(file, new Set()).some(startsSomething);
  return {
    fast: others.filter(file => !isSlow(file)),
    slow: others.filter(isSlow),
    alone,
    soak: tests.filter(file => soakOnly.includes(file) || texts.get(file)!.includes('process.env.SOAK')),
  };
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
