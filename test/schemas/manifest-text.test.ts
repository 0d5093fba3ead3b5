import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { checkSeal, manifestText, sealManifest } from '../../schemas/manifest-text.ts';

const body = { request_id: 'ö"\n', files: [{ name: 'a' }], versions: { contract: 3 } };
const bytes = Buffer.from(manifestText(sealManifest(body)));

test('a manifest ends in its own hash, over all bytes before the name (contract 4.37)', () => {
  const text = bytes.toString();
  const before = text.slice(0, text.indexOf('"manifest_sha256"'));
  const hash = createHash('sha256').update(before).digest('hex');
  expect(text.slice(before.length)).toBe(`"manifest_sha256": "${hash}"}\n`);
  expect(JSON.parse(text)).toEqual({ ...body, manifest_sha256: hash });
  expect(manifestText(JSON.parse(text))).toBe(text);
  expect(checkSeal(bytes)).toBe('same');
});

test('no byte of it can be changed, left out or added without notice', () => {
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = changed[at]! ^ 1;
    expect(checkSeal(changed), `byte ${at}`).not.toBe('same');
    expect(checkSeal(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])), `without byte ${at}`).not.toBe(
      'same',
    );
  }
  expect(checkSeal(Buffer.concat([bytes, Buffer.from('\n')]))).toBe('unsealed');
});

test('a manifest of an earlier contract has no hash, and keeps its text', () => {
  expect(manifestText(body)).toBe(`${JSON.stringify(body, null, 2)}\n`);
  expect(checkSeal(Buffer.from(manifestText(body)))).toBe('unsealed');
});
