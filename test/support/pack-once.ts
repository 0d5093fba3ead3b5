/** Packs a fixed text by every compression under the folder given, and prints what was written as JSON. */
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import { csvText } from './csv-text.ts';

const compressions = ['uncompressed', 'gzip', 'zip'] as const;
const directory = await openExportDirectory({ root: process.argv[2] ?? '' });
const destination = await directory.resolve('x_');
const facts = [];
for (const compression of compressions) {
  const file = await directory.create(destination, 'id', `x_1.${compression}`, compression);
  await file.write(csvText(2_500_000));
  facts.push(await file.seal());
}
await directory.sweep(destination, 'id');
process.stdout.write(JSON.stringify(facts));
