/** Version of the archive format that this program writes, and the newest it reads. */
export const FORMAT_VERSION = 1;

/** Features of version 1 that this program knows. A document that names another is refused. */
export const KNOWN_FEATURES: readonly string[] = [];

/** Parts of one stream: their files are numbered with four digits. */
export const MAX_PARTS = 9999;

/** Bytes of stream in each frame but the last of a stream. */
export const FRAME_LENGTH = 2 * 1024 * 1024;
