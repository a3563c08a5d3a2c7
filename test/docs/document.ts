/**
 * A document as the tests see it. What it tells the reader to type is in fenced blocks:
 *
 * - `sh`: commands.
 * - `console`: commands after `$ `, and what they print between. There `…` stands for anything
 *   in a line, and a line of its own for any lines.
 *
 * Comments, which no reader of the rendered page sees, may stand on the line before a block:
 * `<!-- exit: 5 -->` for one that ends with another code than 0, `<!-- not run: why -->` for one
 * that can't be run by a test. A comment that begins with a line `<!-- sh` is a block that only
 * the test runs: what happens to the reader's files in the meantime, and a look at the outcome.
 */
export interface Block {
  /** Line of its fence, from 1. */
  readonly line: number;
  readonly commands: string;
  /** The expected output of a `console` block. */
  readonly output: string | undefined;
  readonly exit: number;
  readonly run: boolean;
}

const RUNNABLE = new Set(['sh', 'console']);

export function blocksOf(markdown: string): Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  let open: { line: number; language: string; end: string; text: string[] } | undefined;
  for (const [at, text] of lines.entries()) {
    if (open !== undefined && text !== open.end) {
      open.text.push(text);
    } else if (open !== undefined) {
      if (RUNNABLE.has(open.language)) blocks.push(block(open, lines[open.line - 2] ?? ''));
      open = undefined;
    } else if (text.startsWith('```')) {
      open = { line: at + 1, language: text.slice(3).trim(), end: '```', text: [] };
    } else if (text === '<!-- sh') {
      open = { line: at + 1, language: 'sh', end: '-->', text: [] };
    }
  }
  if (open !== undefined) throw new Error(`the block at line ${open.line} does not end`);
  return blocks;
}

function block(
  { line, language, text }: { line: number; language: string; text: string[] },
  annotation: string,
): Block {
  const prompt = '$ ';
  const typed = text.filter((each) => each.startsWith(prompt));
  const printed = text.filter((each) => !each.startsWith(prompt));
  const told = language === 'console';
  return {
    line,
    commands: (told ? typed.map((each) => each.slice(prompt.length)) : text).join('\n'),
    output: told ? printed.join('\n') : undefined,
    exit: Number(/^<!-- exit: (\d+) -->$/.exec(annotation)?.[1] ?? 0),
    run: !/^<!-- not run: .+ -->$/.test(annotation),
  };
}

/** Whether `found` is what a `console` block shows. */
export function prints(shown: string, found: string): boolean {
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const lines = shown
    .split('\n')
    .map((line) => (line === '…' ? '(?:.*\n)*' : `${line.split('…').map(literal).join('.*')}\n`));
  return new RegExp(`^${lines.join('')}$`).test(found === '' ? '\n' : found);
}

/** Targets of the links that lead to other files of the repository or within the page. */
export function linksOf(markdown: string): string[] {
  const links = [...markdown.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a page's headings, as they are made of them on the web. */
export function anchorsOf(markdown: string): Set<string> {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '');
  return new Set(
    [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      (heading as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
