/** The version of the archive format that this program writes, and the newest that it reads. */
export const FORMAT_VERSION = 1;

/** The feature of a document that names the media on which parts of its stream lie. */
export const SPANNED = 'spanned';

/**
 * The features of version 1 that this program knows, by the format of a document. It refuses a
 * document that needs another one.
 */
export const KNOWN_FEATURES: Readonly<Record<string, readonly string[]>> = {
  'btrferry/manifest': [SPANNED],
  'btrferry/segment': [SPANNED],
};

/** The most parts of one stream. Their file names have four digits. */
export const MAX_PARTS = 9999;
