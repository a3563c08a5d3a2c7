import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** This program, as documents name it. */
export const program = { name: 'btrferry', version } as const;
