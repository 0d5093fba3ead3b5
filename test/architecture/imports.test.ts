import { describe, expect, test } from 'vitest';
import { all, importedFiles, layers, product, sourcesOf, specifiers } from '../support/sources.ts';

/**
 * The rooms of a folder, in the order of the flow: a room may import itself and those before it. Files at the folder's
 * root may import every room; of them a room may import only those that are listed as shared.
 */
const rooms: Readonly<Record<string, { readonly order: readonly string[]; readonly shared: readonly string[] }>> = {
  schemas: { order: ['json', 'events', 'avro', 'tables', 'exports'], shared: ['columns.ts', 'package-files.ts'] },
  pipeline: {
    order: ['completeness', 'ingest', 'export', 'requests', 'replay', 'verify'],
    shared: ['errors.ts', 'ports.ts', 'partition.ts', 'waiting.ts', 'client-message.ts'],
  },
  'connectors/kafka': { order: ['records', 'client', 'topics', 'group', 'reading'], shared: [] },
  'connectors/duckdb': { order: ['vectors', 'file', 'store', 'read', 'requests'], shared: [] },
  'connectors/log-files': { order: ['log', 'lines'], shared: [] },
};

test('there are sources to look at', () => {
  expect(product.length).toBeGreaterThan(50);
  expect(all.length).toBeGreaterThan(product.length);
});

describe('imports', () => {
  test(`point one way: ${layers.toReversed().join(' → ')}`, () => {
    const wrong = product.flatMap(({ file, text }) =>
      importedFiles(file, text)
        .filter(target => layerOf(target) > layerOf(file))
        .map(target => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test.each(Object.keys(rooms))('between the rooms of %s run back, never on', folder => {
    const wrong = product.flatMap(({ file, text }) =>
      importedFiles(file, text)
        .filter(target => runsOn(folder, file, target))
        .map(target => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('lead to files that are there', () => {
    const known = new Set(all.map(({ file }) => file));
    const lost = all.flatMap(({ file, text }) =>
      importedFiles(file, text)
        .filter(target => !known.has(target))
        .map(target => `${file} imports ${target}`),
    );
    expect(lost).toEqual([]);
  });

  test('make no cycle, those of types included', () => {
    const graph = new Map(all.map(({ file, text }) => [file, importedFiles(file, text)]));
    expect(cyclesOf(graph)).toEqual([]);
  });

  test('of packages and of Node stay out of the pipeline', () => {
    const outside = sourcesOf('pipeline').flatMap(({ file, text }) =>
      specifiers(text)
        .filter(specifier => !specifier.startsWith('.'))
        .map(specifier => `${file} imports ${specifier}`),
    );
    expect(outside).toEqual([]);
  });

  test('of a command happen when it is asked for, so that none waits for the libraries of the others', () => {
    const text = product.find(({ file }) => file === 'ops/cli.ts')!.text;
    expect(
      importedFiles('ops/cli.ts', text).filter(target => target.startsWith('ops/commands/')).length,
    ).toBeGreaterThan(5);
    expect(text).not.toMatch(/from '\.\/commands\//);
  });

  test('a cycle would be seen', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    expect(cyclesOf(graph)).toEqual(['b → c → b']);
  });
});

/** Unknown folders come last, so that nothing of the product may import them. */
function layerOf(file: string): number {
  const layer = layers.findIndex(folder => file.startsWith(`${folder}/`));
  return layer < 0 ? layers.length : layer;
}

/** True for an import from a room of `folder` of a later room, of a room that is not listed, or of an unshared file at its root. */
function runsOn(folder: string, file: string, target: string): boolean {
  const { order, shared } = rooms[folder]!;
  const [from, to] = [file, target].map(path => (path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : null));
  if (from == null || to == null || !from.includes('/')) return false;
  if (!to.includes('/')) return !shared.includes(to);
  const [fromRoom, toRoom] = [from, to].map(path => order.indexOf(path.slice(0, path.indexOf('/'))));
  return fromRoom! < 0 || toRoom! > fromRoom!;
}

/** Every cycle as the walk first closes it. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}
