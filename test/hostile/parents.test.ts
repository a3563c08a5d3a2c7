import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { failureExit } from '../../src/failure/failure.ts';
import type { CommandBody } from '../../src/sendstream/commands.ts';
import { describeReal, withDirectory } from '../filesystem.ts';
import { bytes, end, other, streamOf } from '../sendstream/streams.ts';
import { importInto, verify } from './attempt.ts';
import { clone, mkdir, mkfile, rename, snapshot, symlink, write } from './bodies.ts';
import {
  type Destination,
  received,
  type Watch,
  watchBtrfs,
  withDestination,
} from './destination.ts';
import { forge } from './forge.ts';
import { tally } from './tally.ts';

const third = 'c0ffee00-1234-4321-aaaa-0123456789ab';

/**
 * Streams that go through a symbolic link which an earlier stream brought. Nothing in the stream
 * shows that, so it is received; what confines `btrfs receive` has to stop it.
 */
describeReal('a stream that goes through a link of its parent', () => {
  let destination: Destination;
  let watch: Watch;
  let before: string[];

  beforeAll(async () => {
    watch = watchBtrfs();
    vi.stubEnv('PATH', `${watch.programs}:${process.env.PATH}`);
    destination = withDestination();
    const { into, outside } = destination;
    mkdirSync(join(into, 'beside'));
    writeFileSync(join(into, 'beside', 'sentinel'), 'whole');
    const archive = withDirectory();
    forge(
      archive,
      streamOf(2, [
        { type: 'SUBVOL', path: bytes('p'), uuid: other, ctransid: 5n },
        mkdir('here'),
        symlink('here/file', '../../../outside/sentinel'),
        symlink('here/directory', '../../../outside'),
        symlink('elsewhere', join(outside.elsewhere, 'sentinel')),
        symlink('beside', '../beside/sentinel'),
        symlink('proc', '/proc/self/comm'),
        symlink('dev', '/dev/null'),
        end,
      ]),
    );
    expect(await importInto(archive, into)).toMatchObject({ exit: 0 });
    expect(received(watch.calls())).toBe(true);
    // A clone source that lies outside of the directory to receive into.
    const lender = withDirectory();
    const body: CommandBody = { type: 'SUBVOL', path: bytes('q'), uuid: third, ctransid: 5n };
    forge(lender, streamOf(2, [body, symlink('file', '../outside/sentinel'), end]));
    expect(await importInto(lender, destination.btrfs.mount)).toMatchObject({ exit: 0 });
    before = destination.state(true);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    destination.btrfs.remove();
  });

  test.each<[string, CommandBody[]]>([
    ['writes to a file', [write('here/file')]],
    ['empties a file', [{ type: 'TRUNCATE', path: bytes('here/file'), size: 0n }]],
    ['changes a mode', [{ type: 'CHMOD', path: bytes('here/file'), mode: 0o4777n }]],
    ['makes a file', [mkfile('here/directory/evil')]],
    ['makes a directory', [mkdir('here/directory/evil')]],
    ['removes a file', [{ type: 'UNLINK', path: bytes('here/directory/sentinel') }]],
    ['takes a file', [rename('here/directory/sentinel', 'taken')]],
    ['takes what a file says', [mkfile('f'), clone('f', 'here/file')]],
    ['takes what a file says, by the parent itself', [mkfile('f'), clone('f', 'here/file', other)]],
    ['takes what a file says, by a clone source', [mkfile('f'), clone('f', 'file', third)]],
    ['writes to a file of another filesystem', [write('elsewhere')]],
    ['writes to a file beside it', [write('beside')]],
    ['writes to /proc', [write('proc')]],
    ['writes to a device', [write('dev')]],
    ['renames the directory of the link first', [rename('here', 'there'), write('there/file')]],
    ['renames the link first', [rename('elsewhere', 'x'), write('x')]],
  ])('and %s', async (_, inner) => {
    const archive = withDirectory();
    forge(archive, streamOf(2, [snapshot({ path: bytes('c') }), ...inner, end]));
    const refused = await importInto(archive, destination.into);
    expect(
      refused.failures.map(({ code }) => code),
      refused.lines.join('\n'),
    ).toEqual(['receive-failed']);
    expect(refused.exit).toBe(failureExit['receive-failed']);
    expect(received(watch.calls())).toBe(true);
    expect(existsSync(join(destination.into, 'c'))).toBe(false);
    expect(destination.state(true)).toEqual(before);
    // The stream is what its manifest says; only the parent is not here.
    expect(await verify(archive)).toMatchObject({ exit: 5, failures: [] });
    tally("ways through a parent's symbolic link that confinement stopped", 1);
  });

  test('may rename it, and is received', async () => {
    const archive = withDirectory();
    const inner = [mkfile('f'), rename('elsewhere', 'x')];
    forge(archive, streamOf(2, [snapshot({ path: bytes('c') }), ...inner, end]));
    expect(await importInto(archive, destination.into)).toMatchObject({ exit: 0, failures: [] });
  });
});
