/** Version of the archive format that this program writes, and the newest it reads. */
export const FORMAT_VERSION = 1;

/** Parts of one stream: their files are numbered with four digits. */
export const MAX_PARTS = 9999;
