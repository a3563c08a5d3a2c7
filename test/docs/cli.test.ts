import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { exit, failureExit } from '../../src/failure/failure.ts';
import { repository } from '../structure/sources.ts';
import { textOf } from './documents.ts';

const page = textOf('docs/cli.md');

/** The text below a heading, up to the next one of its rank or above. */
function section(heading: string, text = page): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => line.replace(/^#+ /, '') === heading && line !== heading);
  if (start < 0) return '';
  const rank = /^#+/.exec(lines[start] as string)?.[0].length ?? 0;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= rank);
  return rest.slice(0, end < 0 ? undefined : end).join('\n');
}

/** Names in `code` in the first column of a section's tables. */
function rows(text: string): string[] {
  const first = [...text.matchAll(/^\| ([^|]*) \|/gm)].map(([, cell]) => cell as string);
  return first.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
  );
}

function help(...args: string[]): string {
  const program = path.join(repository, 'dist/cli/main.js');
  return execFileSync(process.execPath, [program, ...args, '--help'], { encoding: 'utf8' });
}

const commands = [...help().matchAll(/^ {2}([a-z]+) (?!.*display help)/gm)]
  .map(([, name]) => name as string)
  .filter((name) => section(name) !== '' || name !== 'help');

test('every command is described, and no other', () => {
  const described = rows(page.slice(0, page.indexOf('Options that all commands have')));
  expect(described.sort()).toEqual([...commands].sort());
});

test.each(commands)('every option of %s is described, and no other', (command) => {
  const common = rows(section('The command line').split('## ')[0] as string);
  const described = rows(section(command)).map((option) => option.split(' ')[0]);
  const options = [...help(command).matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, o]) => o);
  const shared = ['--json', '--quiet', '--help'];
  expect(common).toEqual(expect.arrayContaining(shared));
  expect(described.sort()).toEqual(options.filter((o) => !shared.includes(o as string)).sort());
});

test('every exit code is described', () => {
  const codes = [...section('Exit codes').matchAll(/^\| (\d+) \| (.+) \|$/gm)];
  const described = codes.map(([, code, meaning]) => `${code} ${meaning}`);
  const told = help().split('Exit codes:\n')[1] as string;
  expect(described).toEqual(
    told
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/ +/, ' ')),
  );
  expect(described.length).toBe(Object.keys(exit).length);
});

test('every failure is described, with its exit code', () => {
  const cells = [...section('Failures').matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)];
  const described = Object.fromEntries(cells.map(([, code, number]) => [code, Number(number)]));
  expect(described).toEqual({ ...failureExit, internal: exit.failed });
});

/** Members that the JSON reporter adds to a result. */
const ADDED = ['failure', 'summary'];

/** The events that src/events declares: members by type, with the members of members. */
function declaredEvents(): Map<string, string[]> {
  const events = new Map<string, string[]>([['result', [...ADDED]]]);
  for (const name of readdirSync(path.join(repository, 'src/events'))) {
    const file = path.join(repository, 'src/events', name);
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023);
    for (const statement of source.statements) {
      if (!ts.isInterfaceDeclaration(statement)) continue;
      const type = typeOf(statement, source);
      if (type === undefined) continue;
      const members = membersOf(statement, source).filter((member) => member !== 'type');
      events.set(type, [...new Set([...(events.get(type) ?? []), ...members])]);
    }
  }
  return events;
}

function typeOf(node: ts.InterfaceDeclaration, source: ts.SourceFile): string | undefined {
  if (node.heritageClauses?.some((clause) => clause.getText(source).includes('ResultOf<'))) {
    return 'result';
  }
  return node.members
    .map((member) => /^readonly type: '([a-z-]+)'/.exec(member.getText(source))?.[1])
    .find((found) => found !== undefined);
}

function membersOf(node: ts.Node, source: ts.SourceFile): string[] {
  const names: string[] = [];
  const visit = (each: ts.Node): void => {
    if (ts.isPropertySignature(each)) names.push(each.name.getText(source));
    ts.forEachChild(each, visit);
  };
  visit(node);
  return names;
}

const events = declaredEvents();

test('every event is described, and no other', () => {
  const headings = [...section('JSON').matchAll(/^### `([a-z-]+)`$/gm)].map(([, type]) => type);
  expect(headings.sort()).toEqual([...events.keys()].sort());
});

test.each([...events])('every member of the event %s is described', (type, members) => {
  const text = section(`\`${type}\``);
  const described = new Set([...text.matchAll(/`([A-Za-z]+)`/g)].map(([, name]) => name));
  expect(members.filter((member) => !described.has(member))).toEqual([]);
  const outer = rows(text.split('\n| code |')[0] as string);
  expect(outer.filter((member) => !members.includes(member))).toEqual([]);
});

test('every warning is described, and no other', () => {
  const source = readFileSync(path.join(repository, 'src/events/warning.ts'), 'utf8');
  const [, union = ''] = /type WarningCode =([^;]+);/.exec(source) ?? [];
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  const table = section('`warning`').split('\n| code | means |')[1] as string;
  expect(rows(table).sort()).toEqual(codes.sort());
});

test('a missing description is found', () => {
  const text = '# A\n\n## a\n\n| `x`, `y` | z |\n\n### b\n\nc\n\n## d\n';
  expect(section('a', text)).toContain('### b');
  expect(section('a', text)).not.toContain('## d');
  expect(rows(section('a', text))).toEqual(['x', 'y']);
  expect(section('none', text)).toBe('');
});
