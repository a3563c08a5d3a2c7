import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { manifestDocument } from '../../src/manifest/document.ts';
import { publishedSchema } from '../../src/manifest/schema.ts';
import { seal } from '../../src/manifest/seal.ts';
import { bytesFromText, textFromBytes } from '../../src/manifest/text.ts';
import { exampleManifest } from './example.ts';

const failureOf = (bytes: Uint8Array): string => {
  try {
    manifestDocument.decode(bytes, 'manifest.json');
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.code : `not a failure: ${error}`;
  }
};

describe('manifest', () => {
  it('is what manifest-schema.json says', async () => {
    const published = `${JSON.stringify(publishedSchema, null, 2)}\n`;
    await expect(published).toMatchFileSnapshot('../../manifest-schema.json');
  });

  it('is described by a schema', () => {
    const ajv = new Ajv2020({ strict: true });
    for (const schema of [publishedSchema, ...Object.values(publishedSchema.$defs)]) {
      expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
    }
  });

  it('comes back as it was written, with members it does not know', () => {
    const future = { ...exampleManifest(), note: { kept: true } };
    const bytes = manifestDocument.encode(future);
    const { sha256, ...read } = manifestDocument.decode(bytes, 'manifest.json');
    expect(read).toEqual(future);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('finds a change of any byte, and any truncation', () => {
    const bytes = manifestDocument.encode(exampleManifest());
    const version = Buffer.from(bytes).indexOf('"version": 1') + '"version": '.length;
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      const newer = at === version && (flipped[at] ?? 0) > 0x31;
      expect(failureOf(flipped), `byte ${at}`).toBe(newer ? 'format-version' : 'manifest-damaged');
      expect(failureOf(bytes.subarray(0, at)), `cut at ${at}`).toBe('manifest-damaged');
    }
  });

  it('refuses a future version by its number', () => {
    const bytes = seal({ ...exampleManifest(), version: 2 });
    expect(() => manifestDocument.decode(bytes, 'm')).toThrow(/format version 2/);
    expect(failureOf(bytes)).toBe('format-version');
  });

  it.each([
    ['a part outside the stream directory', { parts: [{ file: '../0001.btrfs.zst' }] }],
    ['a full stream with a parent', { kind: 'full' as const }],
    ['an upper-case UUID', { identity: { uuid: 'A'.repeat(36), ctransid: '1' } }],
    ['a ctransid as a number', { identity: { ...exampleManifest().identity, ctransid: 1 } }],
    ['parts with a gap', { parts: [{ ...exampleManifest().parts[0], offset: 1 }] }],
    ['parts out of order', { parts: exampleManifest().parts.toReversed() }],
    ['no parts', { parts: [] }],
  ])('refuses %s, reading and writing', (_, change) => {
    const wrong = { ...exampleManifest(), ...(change as object) };
    expect(failureOf(seal(wrong))).toBe('manifest-damaged');
    expect(() => manifestDocument.encode(wrong as never)).toThrow(TypeError);
  });

  it('keeps the bytes of any name', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bytesFromText(textFromBytes(bytes))).toEqual(Buffer.from(bytes));
      }),
    );
  });
});
