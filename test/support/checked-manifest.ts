import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

const validate = new Ajv2020({ allErrors: true, validateFormats: false }).compile(
  JSON.parse(readFileSync('schemas/manifest.schema.json', 'utf8')),
);

/** Returns the manifest. Throws, with all faults, unless it is one that `schemas/manifest.schema.json` describes. */
export function checkedManifest<M>(manifest: M): M {
  if (validate(manifest)) return manifest;
  const faults = validate.errors?.map(({ instancePath, message }) => `${instancePath || 'the manifest'} ${message}`);
  throw new Error(`not as manifest.schema.json says: ${faults?.join('; ')}`);
}
