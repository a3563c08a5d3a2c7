import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Event } from '../../src/events/event.ts';
import { exit, Failure } from '../../src/failure/failure.ts';
import { runList } from '../../src/operations/list/run.ts';
import type { Context } from '../../src/operations/operation.ts';
import { runVerify } from '../../src/operations/verify/run.ts';
import { contextWith } from '../operations/context.ts';
import { samples } from './streams.ts';
import type { Expected } from './vectors/vector.ts';

/** As expected.json has it. */
interface Expectation {
  readonly archive: Expected;
  readonly header: Expected;
  readonly streams: Readonly<Record<string, Expected>>;
  readonly missing: readonly string[];
  readonly conflicts: readonly string[];
}

const top = join(samples, 'vectors');
const vectors = Object.entries(
  JSON.parse(readFileSync(join(top, 'expected.json'), 'utf8')) as Record<string, Expectation>,
);

test('each expectation has an archive, and no archive is without one', () => {
  const directories = readdirSync(top).filter((name) => name !== 'expected.json');
  expect(directories.sort()).toEqual(vectors.map(([name]) => name).sort());
});

test.each(vectors)('verify reports for %s what is expected', async (name, expected) => {
  const { events, failure } = await run((context) =>
    runVerify({ archives: [join(top, name)], quick: false }, context),
  );
  if (expected.archive.is !== 'good') {
    expectState(expected.archive, failure === undefined ? [] : [failure]);
    return;
  }
  expect(failure).toBeUndefined();
  const missing = new Set<string>();
  const conflicts = new Set<string>();
  const found = new Map<string, Failure[]>();
  const ofHeader: Failure[] = [];
  for (const event of events) {
    if (event.type === 'stream-verified') {
      found.set(basename(event.directory), [...event.failures]);
      for (const { uuid } of event.missing) missing.add(uuid);
      if (event.conflicting) conflicts.add(event.stream.uuid);
    } else if (event.type === 'stream-refused') {
      const path = String(event.stream.name);
      if (path.startsWith('streams/')) found.set(basename(path), [event.failure]);
      else ofHeader.push(event.failure);
    }
  }
  expect([...found.keys()].sort()).toEqual(Object.keys(expected.streams).sort());
  for (const [directory, is] of Object.entries(expected.streams)) {
    expectState(is, found.get(directory) ?? []);
  }
  expectState(expected.header, ofHeader);
  expect([...missing].sort()).toEqual([...expected.missing].sort());
  expect([...conflicts]).toEqual(expected.conflicts);
});

test.each(vectors)('list shows the usable streams of %s', async (name, expected) => {
  const { events, failure } = await run((context) =>
    runList({ archives: [join(top, name)] }, context),
  );
  if (expected.archive.is !== 'good') {
    expectState(expected.archive, failure === undefined ? [] : [failure]);
    return;
  }
  const listed = events.flatMap((event) =>
    event.type === 'stream-listed' ? [basename(event.directory)] : [],
  );
  const refused = events.flatMap((event) => (event.type === 'archive-listed' ? event.damaged : []));
  const names = [...listed, ...refused.map(({ directory }) => basename(directory))];
  expect(names.sort()).toEqual(Object.keys(expected.streams).sort());
  for (const [directory, is] of Object.entries(expected.streams)) {
    if (is.is === 'good') expect(listed).toContain(directory);
  }
  const warned = events.some(
    (event) => event.type === 'warning' && event.code === 'header-unusable',
  );
  expect(warned).toBe(expected.header.is !== 'good');
});

async function run(operation: (context: Context) => Promise<unknown>) {
  const events: Event[] = [];
  try {
    const emit = (event: Event) => void events.push(event);
    await operation(contextWith(emit));
    return { events, failure: undefined };
  } catch (error) {
    if (error instanceof Failure) return { events, failure: error };
    throw error;
  }
}

function expectState({ is, code, file }: Expected, failures: readonly Failure[]): void {
  const text = failures.map(({ code, message }) => `${code}: ${message}`).join('\n');
  if (is === 'good') expect(text).toBe('');
  else {
    const found = failures.filter((failure) => failure.code === code);
    expect(found, text).not.toEqual([]);
    expect(
      found.map((failure) => classOf(failure)),
      text,
    ).toContain(is);
    if (file === undefined) return;
    const files = found.map(({ where }) => basename(where.file ?? ''));
    expect(files, text).toContain(file);
  }
}

function classOf({ code, exitCode }: Failure): Expected['is'] {
  if (code === 'stream-incomplete') return 'incomplete';
  return exitCode === exit.unable ? 'too new' : 'damaged';
}
