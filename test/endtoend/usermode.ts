import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withDirectory } from '../filesystem.ts';
import { signalTo } from '../processes.ts';

/** Where Debian's package user-mode-linux keeps its modules: a directory for each version. */
const MODULES = '/usr/lib/uml/modules';
/** Modules of vfat, each after those that it needs. */
const VFAT = ['fat/fat', 'nls/nls_cp437', 'nls/nls_iso8859-1', 'fat/vfat'];

/** A script for Linux's own drivers of FAT and btrfs, whatever the kernel of this machine has. */
export interface Usermode {
  readonly fat: string;
  readonly source: string;
  readonly destination: string;
  /**
   * Commands for bash, with the images mounted at `$fat`, `$source` and `$destination`, and the files
   * of this machine at their own paths. `$results` is a directory of this machine for what they find.
   */
  readonly script: string;
}

/**
 * Boots User Mode Linux, runs a script in it, and unmounts the images.
 *
 * @returns the directory of the results
 */
export async function inUsermode({ fat, source, destination, script }: Usermode): Promise<string> {
  const results = withDirectory();
  const init = path.join(results, 'init');
  writeFileSync(init, initScript(results, script), { mode: 0o755 });
  const [version = ''] = readdirSync(MODULES);
  const own = [`uml_dir=${results}/`, 'mem=1G'];
  const root = ['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'rw', `init=${init}`];
  const images = [`ubd0=${fat}`, `ubd1=${source}`, `ubd2=${destination}`];
  const consoles = ['con=null', 'con0=fd:0,fd:1', 'quiet', `modules=${MODULES}/${version}`];
  const kernel = spawn('linux.uml', [...own, ...root, ...images, ...consoles], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const output of [kernel.stdout, kernel.stderr]) {
    output.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
    });
  }
  const end = () => signalTo(-(kernel.pid as number), 'SIGKILL');
  process.once('exit', end);
  await once(kernel, 'close');
  process.off('exit', end);
  if (!readdirSync(results).includes('ended')) throw new Error(`User Mode Linux said: ${said}`);
  return results;
}

function initScript(results: string, script: string): string {
  return `#!/bin/bash
export PATH=${process.env.PATH}:/usr/sbin:/sbin HOME=/run XDG_STATE_HOME=/run/state
results=${results} fat=/run/fat source=/run/source destination=/run/destination
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
for module in ${VFAT.join(' ')}; do
  perl -e 'open F, "<", shift or die $!; syscall(313, fileno(F), my $none = "", 0) and die $!' \\
    "$modules/kernel/fs/$module.ko"
done
mkdir $fat $source $destination
mount -t vfat /dev/ubda $fat &&
  mount -t btrfs /dev/ubdb $source &&
  mount -t btrfs /dev/ubdc $destination &&
  (
${script}
  ) >$results/output 2>&1
umount $fat && umount $source && umount $destination && touch $results/ended
echo o >/proc/sysrq-trigger
sleep 60
`;
}
