import { edited, manifestDamaged, one, tooNew, type Vector } from './vector.ts';

/** Archives whose documents are not as they should be. */

const TREE = 32;

const sealed: Vector[] = [
  one('seal-wrong', 'A byte was changed.', manifestDamaged, {
    text: (text) => text.replace('"home.1"', '"home.2"'),
  }),
  one('seal-of-spaces', 'White space was changed.', manifestDamaged, {
    text: (text) => text.replace('{', '{ '),
  }),
  one('seal-missing', 'There is no seal.', manifestDamaged, {
    text: (text) => text.replace(/,\s*"sha256": "[0-9a-f]{64}"(?=\s*\}\s*$)/, ''),
  }),
  one('seal-not-last', 'A member stands behind the seal.', manifestDamaged, {
    text: (text) => text.replace(/\s*\}\s*$/, ',\n  "later": 1\n}\n'),
  }),
  one('seal-upper-case', 'Its digits are in upper case.', manifestDamaged, {
    text: (text) => text.replace(/"[0-9a-f]{64}"(?=\s*\}\s*$)/, (digits) => digits.toUpperCase()),
  }),
  one('manifest-cut', 'Cut short.', manifestDamaged, { text: (text) => text.slice(0, 500) }),
  one('manifest-empty', 'Nothing is in it.', manifestDamaged, { text: () => '' }),
  one('byte-order-mark', 'A byte order mark comes first.', manifestDamaged, edited('{', '\ufeff{')),
  one('format-not-first', 'The version comes before the format.', manifestDamaged, {
    manifest: ({ format, version, ...manifest }) => ({ version, format, ...manifest }),
  }),
  one('format-other', 'A header in the place of a manifest.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, format: 'btrferry/archive' }),
  }),
  one(
    'version-0',
    'There is no version 0.',
    manifestDamaged,
    edited('"version": 1', '"version": 0'),
  ),
  one(
    'version-2',
    'A later version, whose seal nobody knows.',
    tooNew('format-version', 'manifest.json'),
    {
      text: () => '{"format": "btrferry/manifest", "version": 2, "all": "new"}',
    },
  ),
  one('feature', 'A feature that nobody knows.', tooNew('format-feature', 'manifest.json'), {
    manifest: (manifest) => ({ ...manifest, features: ['encrypted'] }),
  }),
  one(
    'feature-of-all',
    'A feature that nobody knows, and that changes all else.',
    tooNew('format-feature', 'manifest.json'),
    {
      manifest: ({ format, version }) => ({
        format,
        version,
        features: ['encrypted'],
        parts: 'elsewhere',
      }),
    },
  ),
  one('feature-of-no-name', 'A feature without a name.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, features: [''] }),
  }),
  one('features-missing', 'There is no list of features.', manifestDamaged, {
    manifest: ({ features: _, ...manifest }) => manifest,
  }),
];

const spelled: Vector[] = [
  one(
    'member-twice',
    'A member stands twice.',
    manifestDamaged,
    edited('"kind"', '"kind": "full",\n  "kind"'),
  ),
  one(
    'member-twice-escaped',
    'A member stands twice, in two spellings.',
    manifestDamaged,
    edited('"kind"', '"\\u006bind": "full",\n  "kind"'),
  ),
  one(
    'member-twice-unknown',
    'A member that nobody knows stands twice.',
    manifestDamaged,
    edited('"kind"', '"later": {"a": 1, "a": 2},\n  "kind"'),
  ),
  one(
    'nested',
    'Nested too deep.',
    manifestDamaged,
    edited('"kind"', `"later": ${'['.repeat(TREE)}${']'.repeat(TREE)},\n  "kind"`),
  ),
  one(
    'base64-of-text',
    'Base64 of what is UTF-8.',
    manifestDamaged,
    edited('"home.1"', '{ "base64": "aG9tZS4x" }'),
  ),
  one('base64-bits', 'Base64 with bits that are not used, and not zero.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, path: { base64: '/x==' } },
    }),
  }),
  one('base64-unpadded', 'Base64 without its end.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, path: { base64: '/w' } },
    }),
  }),
  one(
    'surrogate',
    'Half of a surrogate pair.',
    manifestDamaged,
    edited('"home.1"', '"home\\ud800"'),
  ),
  one('u64-too-large', 'One more than the largest u64.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, generation: '18446744073709551616' },
    }),
  }),
  one('u64-zero', 'A u64 with a zero before it.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, source: { ...manifest.source, generation: '07' } }),
  }),
  one(
    'u64-number',
    'A u64 as a number.',
    manifestDamaged,
    edited('"ctransid": "7"', '"ctransid": 7'),
  ),
  one('uuid-upper-case', 'A UUID in upper case.', manifestDamaged, {
    manifest: (manifest) => ({
      ...manifest,
      source: { ...manifest.source, filesystem: 'BBBBBBBB-CCCC-4DDD-8EEE-FFFFFFFFFFFF' },
    }),
  }),
  one('time-range', 'An hour that no day has.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, createdAt: '2026-11-22T24:00:00Z' }),
  }),
  one('time-zone', 'A time that is not in UTC.', manifestDamaged, {
    manifest: (manifest) => ({ ...manifest, createdAt: '2026-11-22T10:00:00+01:00' }),
  }),
  one(
    'number-negative',
    'A length below zero.',
    manifestDamaged,
    edited(/"streamLength": \d+/, '"streamLength": -1'),
  ),
];

export const documentVectors: readonly Vector[] = [...sealed, ...spelled];
