import { readdirSync } from 'node:fs';
import path from 'node:path';

/** Top of the repository. */
export const repository = path.resolve(import.meta.dirname, '../..');

/** TypeScript files below a folder of the repository, as paths from its top. */
export function sources(folder = 'src'): string[] {
  return readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(folder, file));
}
