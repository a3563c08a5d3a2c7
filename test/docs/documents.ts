import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../structure/sources.ts';

/** Every page for readers, as a path from the top of the repository. */
export const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(path.join(repository, 'docs'), { recursive: true }).map((file) => `docs/${file}`),
].filter((file) => file.endsWith('.md'));

export function textOf(document: string): string {
  return readFileSync(path.join(repository, document), 'utf8');
}
