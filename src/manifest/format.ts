/** The version of the archive format that this program writes, and the newest that it reads. */
export const FORMAT_VERSION = 1;

/**
 * The features of version 1 that this program knows. It refuses a document that needs another one.
 */
export const KNOWN_FEATURES: readonly string[] = [];

/** The most parts of one stream. Their file names have four digits. */
export const MAX_PARTS = 9999;
