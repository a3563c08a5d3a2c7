import { hash } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Failure } from '../../src/failure/failure.ts';
import { manifestDocument, receiptDocument, segmentDocument } from '../../src/manifest/document.ts';
import { MAX_PARTS } from '../../src/manifest/format.ts';
import { publishedSchema } from '../../src/manifest/schema.ts';
import { seal } from '../../src/manifest/seal.ts';
import { byteString, bytesOf } from '../../src/names/byte-string.ts';
import { exampleManifest, exampleReceipt, exampleSegment } from './example.ts';

const ID = '33333333-4444-5555-6666-777777777777';

const failureOf = (bytes: Uint8Array): string => {
  try {
    manifestDocument.decode(bytes, 'manifest.json');
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.code : `not a failure: ${error}`;
  }
};

describe('manifest', () => {
  it('matches manifest-schema.json', async () => {
    const published = `${JSON.stringify(publishedSchema, null, 2)}\n`;
    await expect(published).toMatchFileSnapshot('../../manifest-schema.json');
  });

  it('is described by a schema', () => {
    const ajv = new Ajv2020({ strict: true });
    for (const schema of [publishedSchema, ...Object.values(publishedSchema.$defs)]) {
      expect(ajv.validateSchema(schema), ajv.errorsText()).toBe(true);
    }
  });

  it('is read as it was written, without members that this version does not know', () => {
    const manifest = exampleManifest();
    const [part, ...others] = manifest.parts;
    const known = { ...manifest, parts: [{ ...part, note: 1 }, ...others] };
    const bytes = manifestDocument.encode({ ...known, note: { kept: true } } as never);
    const { sha256, ...read } = manifestDocument.decode(bytes, 'manifest.json');
    expect(read).toEqual(manifest);
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
    [
      'a u64 beyond its range',
      { identity: { ...exampleManifest().identity, ctransid: '18446744073709551616' } },
    ],
    ['a time beyond its range', { createdAt: '2026-11-22T24:00:00Z' }],
    ['a day beyond its range', { createdAt: '2026-11-32T10:00:00Z' }],
    ['Base64 with bits that nobody reads', { name: { base64: '/x==' } }],
    ['Base64 without its end', { name: { base64: '/w' } }],
    ['Base64 of text', { name: { base64: 'aG9tZQ==' } }],
    ['half a character', { name: '\ud800' }],
    [
      'another length of frames',
      { compression: { ...exampleManifest().compression, frameSize: 65536 } },
    ],
    [
      'a part with a suffix',
      { parts: [{ ...exampleManifest().parts[0], file: '0001.btrfs.zst.age' }] },
    ],
    ['an empty part', { parts: [{ ...exampleManifest().parts[0], streamLength: 0 }] }],
    ['no list of features', { features: undefined }],
    ['a feature without a name', { features: [''] }],
  ])('refuses %s, reading and writing', (_, change) => {
    const wrong = { ...exampleManifest(), ...(change as object) };
    expect(failureOf(seal(wrong))).toBe('manifest-damaged');
    expect(() => manifestDocument.encode(wrong as never)).toThrow(TypeError);
  });

  it('is not parsed before its seal is checked', () => {
    const bytes = manifestDocument.encode(exampleManifest());
    const at = Buffer.from(bytes).indexOf('"level": 3') + '"level": '.length;
    bytes.set(Buffer.from('4'), at);
    const parse = vi.spyOn(JSON, 'parse');
    expect(failureOf(bytes)).toBe('manifest-damaged');
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  it.each<[string, (length: number) => string]>([
    ['empty lists', (length) => `[${'[],'.repeat(length / 3)}[]]`],
    ['empty objects', (length) => `[${'{},'.repeat(length / 3)}{}]`],
    ['numbers', (length) => `[${'0,'.repeat(length / 2)}0]`],
    ['lists in each other', () => `${'['.repeat(100)}${']'.repeat(100)}`],
  ])('is not parsed if it has too many %s, sealed or not', (_, content) => {
    const text = content(manifestDocument.limit - 10_000);
    const bytes = seal({ ...exampleManifest(), x: 'X' });
    const bomb = reseal(Buffer.from(Buffer.from(bytes).toString().replace('"X"', text)));
    const parse = vi.spyOn(JSON, 'parse');
    expect(failureOf(bomb)).toBe('manifest-damaged');
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  it.each([
    ['as it is', '"kind"'],
    ['in another spelling', '"\\u006bind"'],
  ])('is refused if a member occurs twice, %s', (_, member) => {
    const text = Buffer.from(seal(exampleManifest())).toString();
    expect(
      failureOf(reseal(Buffer.from(text.replace('"kind"', `"kind": "full", ${member}`)))),
    ).toBe('manifest-damaged');
    const note = text.replace(
      '"kind"',
      '"note": {"a": {"b": 1}, "b": {"a": ":", "b": "a"}}, "kind"',
    );
    expect(failureOf(reseal(Buffer.from(note)))).toBe('accepted');
  });

  it('is refused for an unknown feature before anything else is checked', () => {
    const [format, version, features] = ['btrferry/manifest', 1, ['spanned', 'encrypted']];
    expect(failureOf(seal({ format, version, features, of: 'the future' }))).toBe('format-feature');
    const bytes = seal({ format, version, features });
    expect(failureOf(bytes.subarray(0, -3))).toBe('manifest-damaged');
  });

  it.each(['0', '9', '10', '18446744073709551615', '9999999999999999999'])(
    'accepts %s as a u64',
    (ctransid) => {
      const { uuid } = exampleManifest().identity;
      expect(
        failureOf(seal(exampleManifest({ identity: { uuid, ctransid, sendTransid: null } }))),
      ).toBe('accepted');
    },
  );

  it('ignores brackets in text', () => {
    const name = '[{,"\\'.repeat(1000);
    expect(failureOf(manifestDocument.encode(exampleManifest({ name })))).toBe('accepted');
  });

  it('can list the largest number of parts, and many clone sources', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const parts = Array.from({ length: MAX_PARTS }, (_, at) => ({
      file: `${String(at + 1).padStart(4, '0')}.btrfs.zst`,
      length: most,
      sha256: 'a'.repeat(64),
      offset: at * 9e11,
      streamLength: 9e11,
    }));
    const cloneSources = Array.from({ length: 5000 }, (_, at) => ({
      uuid: '66666666-7777-8888-9999-aaaaaaaaaaaa',
      ctransid: String(2n ** 64n - 1n - BigInt(at)),
      name: `${at}.`.padEnd(100, 'x'),
      sendTransid: '7',
    }));
    const stream = { ...exampleManifest().stream, length: MAX_PARTS * 9e11 };
    const bytes = manifestDocument.encode(exampleManifest({ parts, cloneSources, stream }));
    expect(failureOf(bytes)).toBe('accepted');
  });

  it('is not written if it would be too large to read', () => {
    const cloneSources = new Array(50_000).fill(exampleManifest().parent);
    expect(() => manifestDocument.encode(exampleManifest({ cloneSources }))).toThrow(
      expect.objectContaining({ code: 'storage-failed' }),
    );
  });

  it('keeps the bytes of any name', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bytesOf(byteString(bytes))).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('a segment', () => {
  const read = (bytes: Uint8Array) => segmentDocument.decode(bytes, 'segment.json');

  it('is read as it was written', () => {
    const { sha256: _, ...segment } = read(segmentDocument.encode(exampleSegment()));
    expect(segment).toEqual(exampleSegment());
  });

  it.each([
    ['null as the next medium', { span: { number: 1, next: null } }],
    ['an id of the next medium', { span: { number: 1, next: { id: ID, label: null } } }],
    ['a medium without a label', { parts: partsOn({ id: ID, label: null }) }],
    ['the name of a medium, for people', { parts: partsOn('drive 1') }],
  ])('may have %s', (_, change) => {
    expect(read(segmentDocument.encode(exampleSegment(change as object)))).toMatchObject(change);
  });

  it.each([
    ['the place 0', { span: { number: 0, next: null } }],
    ['no span', { span: undefined }],
    ['a medium without an id', { parts: partsOn({ label: 'drive 1' }) }],
    ['no parts', { parts: [] }],
    ['parts that do not add up', { stream: { ...exampleSegment().stream, length: 2097152 } }],
    ['parts that overlap', { parts: partsOn(undefined).map((part) => ({ ...part, offset: 0 })) }],
    ['a number beyond those of JSON', { stream: { ...exampleSegment().stream, length: 1e300 } }],
    ['the parent of a full stream', { kind: 'full' }],
    [
      'a short frame at its end',
      {
        parts: [{ ...partsOn(undefined)[0], streamLength: 2097153 }],
        stream: { ...exampleSegment().stream, length: 2097153 },
      },
    ],
  ])('is refused with %s, reading and writing', (_, change) => {
    const wrong = { ...exampleSegment(), ...(change as object) };
    expect(() => read(seal(wrong))).toThrow(expect.objectContaining({ code: 'manifest-damaged' }));
    expect(() => segmentDocument.encode(wrong as never)).toThrow(TypeError);
  });

  it('is no manifest, nor the other way round', () => {
    expect(failureOf(segmentDocument.encode(exampleSegment()))).toBe('manifest-damaged');
    expect(() => read(manifestDocument.encode(exampleManifest()))).toThrow(/begins as no segment/);
  });

  it('can list the largest number of parts, each on another medium', () => {
    const parts = Array.from({ length: MAX_PARTS }, (_, at) => ({
      file: `${String(at + 1).padStart(4, '0')}.btrfs.zst`,
      length: Number.MAX_SAFE_INTEGER,
      sha256: 'a'.repeat(64),
      offset: at * 2097152 * 400_000,
      streamLength: 2097152 * 400_000,
      medium: { id: ID, label: 'a label of forty characters, not longer.' },
    }));
    const stream = { ...exampleSegment().stream, length: MAX_PARTS * 2097152 * 400_000 };
    const bytes = segmentDocument.encode(exampleSegment({ parts, stream }));
    expect(read(bytes).parts).toHaveLength(MAX_PARTS);
  });
});

describe('a receipt', () => {
  it('can list a hundred thousand subvolumes', () => {
    const { sha256: _, ...receipt } = exampleReceipt();
    const subvolumes = Array.from({ length: 100_000 }, (_, at) => ({
      uuid: '11111111-2222-3333-4444-555555555555',
      ctransid: String(at),
      sendTransid: String(at),
      localUuid: '66666666-7777-8888-9999-aaaaaaaaaaaa',
      path: `${at}/`.padEnd(100, 'x'),
    }));
    const bytes = receiptDocument.encode({ ...receipt, subvolumes });
    expect(receiptDocument.decode(bytes, 'receipt').subvolumes).toHaveLength(100_000);
  });
});

/** The parts of a segment, the first of which lies on a medium. */
function partsOn(medium: unknown) {
  const [first, ...others] = exampleSegment().parts;
  return [{ ...first, medium }, ...others];
}

/** A document that was changed, with a seal that fits it. */
function reseal(document: Buffer): Buffer {
  const at = document.lastIndexOf('"sha256": "') + '"sha256": "'.length;
  document.write('0'.repeat(64), at);
  document.write(hash('sha256', document), at);
  return document;
}
