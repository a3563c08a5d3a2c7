import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { showSubvolume } from '../../src/btrfs/subvolume.ts';
import type { Event } from '../../src/events/event.ts';
import type { ExportPlanned } from '../../src/events/export.ts';
import type { ImportPlanned } from '../../src/events/import.ts';
import { Failure } from '../../src/failure/failure.ts';
import type { Manifest } from '../../src/manifest/schema.ts';
import { runExport } from '../../src/operations/export/run.ts';
import { runImport } from '../../src/operations/import/run.ts';
import type { Context } from '../../src/operations/operation.ts';
import type { Random } from '../faults/random.ts';
import { type Btrfs, describeTree, withBtrfs, withDirectory } from '../filesystem.ts';
import { contextWith } from '../operations/context.ts';
import { changeInPlace, deleteSubvolume, flip, receiveByHand, snapshotOf } from './flip.ts';

/**
 * Machines that hand snapshots to each other on drives, and people who do to them all that
 * people do. Whatever the program says of contents is held against the contents: never against
 * UUIDs.
 */
export interface World {
  /** Does something at random. Fails the test where the program said what isn't so. */
  step(): Promise<void>;
  /** How often each kind of outcome was seen. */
  readonly seen: Readonly<Record<string, number>>;
}

const machines = ['a', 'b', 'c'] as const;

// Long: the deeds share the machines, the drives and what is true of them.
export function world(random: Random): World {
  const filesystems = machines.map(machineOf);
  const drives = [withDirectory(), withDirectory()] as const;
  /** The snapshot of each stream as it was when it was exported, by directory. */
  const truth = new Map<string, string>();
  const seen: Record<string, number> = {};
  const count = (what: string) => {
    seen[what] = (seen[what] ?? 0) + 1;
  };
  let number = 0;

  const someMachine = () => random.pick(filesystems as [Btrfs, ...Btrfs[]]);
  const someDrive = () => random.pick(drives);
  const someSnapshot = (fs: Btrfs): string | undefined => {
    const names = snapshotsOf(fs);
    return names.length === 0 ? undefined : fs.at(names[random.below(names.length)] as string);
  };

  const deeds: readonly (readonly [number, () => Promise<void>])[] = [
    [5, async () => void takeSnapshot(someMachine())],
    [8, exportSome],
    [8, importSome],
    [3, async () => onSome((at) => changeInPlace(at, () => touch(at)))],
    [1, async () => onSome((at) => flip(at, 'writable'))],
    [3, async () => onSome((at) => void snapshotOf(at, `${at}.copy${number++}`))],
    [1, async () => onSome(restoreFrom)],
    [1, async () => onSome(deleteSubvolume)],
    [3, receiveSome],
    [1, loseStream],
  ];

  return { step, seen };

  async function step(): Promise<void> {
    const total = deeds.reduce((sum, [weight]) => sum + weight, 0);
    let left = random.below(total);
    for (const [weight, deed] of deeds) {
      left -= weight;
      if (left < 0) return deed();
    }
  }

  function takeSnapshot(fs: Btrfs): void {
    touch(fs.at('home'));
    fs.snapshot('home', `home.${number++}`);
  }

  function touch(at: string): void {
    appendFileSync(path.join(at, `file${random.below(3)}`), `${number++} `);
  }

  function onSome(deed: (snapshot: string) => void): void {
    const snapshot = someSnapshot(someMachine());
    if (snapshot !== undefined) deed(snapshot);
  }

  /** A machine goes on from a snapshot, as after a disaster. */
  function restoreFrom(snapshot: string): void {
    const home = path.join(path.dirname(snapshot), 'home');
    deleteSubvolume(home);
    if (random.below(2) === 0) snapshotOf(snapshot, home, []);
    else {
      flip(snapshot, 'writable');
      execFileSync('mv', [snapshot, home]);
    }
  }

  async function receiveSome(): Promise<void> {
    const [from, to] = [someMachine(), someMachine()];
    const snapshot = someSnapshot(from);
    const taken = snapshot !== undefined && readdirSync(to.mount).includes(path.basename(snapshot));
    if (snapshot === undefined || taken || from === to) return;
    if (!(await showSubvolume(snapshot)).readOnly) return;
    receiveByHand(snapshot, to.mount);
    count('received by hand');
  }

  async function loseStream(): Promise<void> {
    const lost = streamsOn(someDrive());
    if (lost.length > 0) rmSync(lost[random.below(lost.length)] as string, { recursive: true });
  }

  async function exportSome(): Promise<void> {
    const fs = someMachine();
    const [snapshot, drive] = [someSnapshot(fs), someDrive()];
    if (snapshot === undefined) return;
    const before = new Set(streamsOn(drive));
    const contents = describe(snapshot);
    const { events, failure } = await said((context) =>
      runExport({ ...exportOptions, snapshots: [snapshot], to: [drive] }, context),
    );
    for (const directory of streamsOn(drive)) {
      if (!before.has(directory)) truth.set(directory, contents);
    }
    const plan = events.find((event) => event.type === 'export-planned') as ExportPlanned;
    if (failure !== undefined) return count(`export: ${failure.code}`);
    for (const { uuid } of plan.skipped) {
      const held = streamsOn(drive).filter(
        (directory) => manifestIn(directory).identity.uuid === uuid,
      );
      expect(
        held.map((directory) => truth.get(directory)),
        'there already',
      ).toContain(contents);
      count('export: there already');
    }
    for (const { parent } of plan.steps)
      count(parent === null ? 'export: full' : 'export: incremental');
  }

  // Long: an import and what is counted of it.
  async function importSome(): Promise<void> {
    const fs = someMachine();
    const given = random.pick<readonly string[]>([[drives[0]], [drives[1]], drives]);
    const archives = given.filter((drive) => streamsOn(drive).length > 0);
    const streams = archives.flatMap(streamsOn).map((directory) => ({
      contents: truth.get(directory) as string,
      ...manifestIn(directory),
    }));
    const one = streams[random.below(streams.length)];
    if (one === undefined) return;
    const only = random.below(3) === 0 ? [one.identity.uuid] : [];
    const { events, failure } = await said((context) =>
      runImport(
        {
          archives,
          into: fs.mount,
          only,
          template: undefined,
          again: false,
          partial: true,
          dryRun: false,
        },
        context,
      ),
    );
    if (failure !== undefined) return count(`import: ${failure.code}`);
    const plan = events.find((event) => event.type === 'import-planned') as ImportPlanned;
    const refused = new Set([
      ...plan.refused.map(({ uuid }) => uuid),
      ...events.flatMap((event) => (event.type === 'stream-refused' ? [event.stream.uuid] : [])),
    ]);
    const present = new Set(plan.present.map(({ uuid }) => uuid));
    const received = new Map<string, string>();
    for (const event of events) {
      if (event.type === 'stream-done') received.set(event.stream.uuid, String(event.at));
    }
    const contentsOf = (uuid: string) =>
      streams.filter(({ identity }) => identity.uuid === uuid).map(({ contents }) => contents);
    for (const [uuid, name] of received) {
      const shown = await showSubvolume(fs.at(name));
      expect(shown, `received ${name}`).toMatchObject({ readOnly: true, receivedUuid: uuid });
      expect(contentsOf(uuid), `received ${name}`).toContain(describe(fs.at(name)));
      count('import: received');
    }
    for (const uuid of present) {
      const bearing: string[] = [];
      for (const name of snapshotsOf(fs)) {
        const shown = await showSubvolume(fs.at(name));
        if ((shown.receivedUuid ?? shown.uuid) === uuid) bearing.push(describe(fs.at(name)));
      }
      expect(
        contentsOf(uuid).some((contents) => bearing.includes(contents)),
        'present',
      ).toBe(true);
      count('import: there already');
    }
    for (const { failure: why } of plan.refused) count(`import refused: ${why.code}`);
    const needed = only.length === 0 ? undefined : neededBy(only, streams);
    for (const uuid of received.keys()) {
      expect(needed?.has(uuid) ?? true, `${uuid} is wanted, or what is wanted needs it`).toBe(true);
    }
    const wanted =
      only.length === 0 ? streams : streams.filter((s) => only.includes(s.identity.uuid));
    for (const { identity } of wanted) {
      const told = [received, present, refused].some((list) => list.has(identity.uuid));
      expect(told, `${identity.uuid} is received, there, or refused by name`).toBe(true);
    }
  }
}

/** Each machine counts transactions in a range of its own; see docs/safety.md. */
function machineOf(_: string, index: number): Btrfs {
  const fs = withBtrfs({ size: 160 * 2 ** 20 });
  for (let at = 0; at < 400 * index; at++) {
    writeFileSync(fs.at('counted'), `${at}`);
    execFileSync('btrfs', ['-q', 'filesystem', 'sync', fs.mount]);
  }
  fs.subvolume('home');
  mkdirSync(fs.at('home/dir'));
  writeFileSync(fs.at('home/dir/base'), `base of ${index}`.repeat(1000));
  return fs;
}

function snapshotsOf(fs: Btrfs): string[] {
  return readdirSync(fs.mount).filter((name) => /^home\./.test(name));
}

function describe(subvolume: string): string {
  return describeTree(subvolume).join('\n');
}

function streamsOn(drive: string): string[] {
  const streams = path.join(drive, 'streams');
  try {
    return readdirSync(streams)
      .filter((name) => !name.startsWith('.'))
      .map((name) => path.join(streams, name));
  } catch {
    return [];
  }
}

/** These UUIDs, and all that streams of theirs build on. */
function neededBy(uuids: readonly string[], streams: readonly Manifest[]): Set<string> {
  const needed = new Set(uuids);
  // A set visits the members that are added while it is iterated.
  for (const uuid of needed) {
    for (const { identity, parent, cloneSources } of streams) {
      if (identity.uuid !== uuid) continue;
      for (const each of [...(parent === null ? [] : [parent]), ...cloneSources]) {
        needed.add(each.uuid);
      }
    }
  }
  return needed;
}

function manifestIn(directory: string): Manifest {
  return JSON.parse(readFileSync(path.join(directory, 'manifest.json'), 'utf8')) as Manifest;
}

const exportOptions = {
  parent: 'auto',
  span: false,
  discard: false,
  cloneSources: [],
  protocol: 'auto',
  level: 1,
  maxPartSize: 2 ** 32 - 1,
  requireIncremental: false,
  create: false,
  requireArchive: false,
  dryRun: false,
} as const;

async function said(
  operation: (context: Context) => Promise<unknown>,
): Promise<{ events: Event[]; failure?: Failure }> {
  const events: Event[] = [];
  try {
    await operation(contextWith((event) => void events.push(event)));
    return { events };
  } catch (error) {
    if (error instanceof Failure) return { events, failure: error };
    throw error;
  }
}
