import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '../structure/sources.ts';
import { anchorsOf, linksOf } from './document.ts';
import { documents, textOf } from './documents.ts';

/** Links of a page that lead nowhere. */
function broken(document: string, text: string): string[] {
  return linksOf(text).filter((link) => {
    const [file = '', anchor] = link.split('#');
    const target = path.join(path.dirname(document), file);
    if (file !== '' && !existsSync(path.join(repository, target))) return true;
    if (anchor === undefined) return false;
    return !anchorsOf(file === '' ? text : textOf(target)).has(anchor);
  });
}

test.each(documents)('every link of %s leads somewhere', (document) => {
  expect(broken(document, textOf(document))).toEqual([]);
});

test('a link that leads nowhere is found', () => {
  const text = '# Here, there\n[a](#here-there) [b](#nowhere) [c](no.md) [d](../README.md#no)';
  expect(broken('docs/page.md', text)).toEqual(['#nowhere', 'no.md', '../README.md#no']);
});
