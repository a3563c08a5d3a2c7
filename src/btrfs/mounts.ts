import { open, readFile, realpath, stat } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { joinPath, type Path, pathBytes } from '../names/path.ts';

const slash = 0x2f;

/** One mount as this process sees it: a line of /proc/self/mountinfo. */
export interface Mount {
  readonly id: number;
  /** `major:minor` of the filesystem: one value for all mounts and subvolumes of a btrfs. */
  readonly device: string;
  /** The mounted part of the filesystem: a path from its top level, `/` for all of it. */
  readonly root: Buffer;
  readonly mountPoint: Buffer;
  readonly fsType: string;
  /** The device or other name that was mounted. */
  readonly source: string;
  /** Options of the mount and of the filesystem, such as `rw`, `subvolid=5`, `compress=zstd:3`. */
  readonly options: readonly string[];
  /** The mount or the filesystem below it is read-only. */
  readonly readOnly: boolean;
}

/**
 * Parses the text of /proc/self/mountinfo (format: proc(5)). Ignores lines that it cannot read.
 */
export function parseMountinfo(text: Buffer): Mount[] {
  return text
    .toString('latin1')
    .split('\n')
    .flatMap((line) => {
      const fields = line.split(' ');
      const dash = fields.indexOf('-', 6);
      const [id, , device, root, mountPoint, mountOptions] = fields;
      const [fsType, source, superOptions] = fields.slice(dash + 1);
      if (dash < 0 || !id || !device || !root || !mountPoint || !fsType) return [];
      const own = mountOptions?.split(',') ?? [];
      const below = superOptions?.split(',') ?? [];
      return {
        id: Number(id),
        device,
        root: unescaped(root),
        mountPoint: unescaped(mountPoint),
        fsType,
        source: unescaped(source ?? '').toString(),
        options: [...own, ...below.map((option) => unescaped(option).toString())],
        readOnly: own.includes('ro') || below.includes('ro'),
      };
    });
}

/**
 * Reads /proc/self/mountinfo. It can be the same after a filesystem was unmounted and mounted
 * again.
 */
export function mountTable(): Promise<Buffer> {
  return readFile('/proc/self/mountinfo');
}

/**
 * Finds the mount that holds a path. The kernel decides, so mounts that hide each other, symbolic
 * links, and the device numbers of subvolumes do not matter.
 *
 * @throws the system error if the path does not exist
 */
export async function mountOf(path: Path): Promise<Mount> {
  const oPath = 0o10000000;
  const handle = await open(path, oPath);
  try {
    const info = await readFile(`/proc/self/fdinfo/${handle.fd}`, 'latin1');
    const id = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1]);
    const found = parseMountinfo(await mountTable()).find((mount) => mount.id === id);
    if (found === undefined) throw new Error(`no mount ${id} in /proc/self/mountinfo`);
    return found;
  } finally {
    await handle.close();
  }
}

/** Finds the filesystems that are mounted below a directory. */
export async function mountsBelow(path: Path): Promise<Mount[]> {
  const above = joinPath(await realpath(path, { encoding: 'buffer' }), '');
  return parseMountinfo(await mountTable()).filter(({ mountPoint }) =>
    mountPoint.subarray(0, above.length).equals(above),
  );
}

/** Reports whether a filesystem is mounted on exactly this path. */
export async function isMounted(path: Path): Promise<boolean> {
  const { mountPoint } = await mountOf(path);
  return mountPoint.equals(await realpath(path, { encoding: 'buffer' }));
}

/** The place of a directory, which need not exist yet. */
export interface Place {
  /** Absolute. */
  readonly path: string;
  /** The same without symbolic links, as far as it exists. */
  readonly real: string;
  /** The path itself, or the closest directory above it that exists. */
  readonly existing: Buffer;
  /** Undefined in a chroot, where the kernel shows only mounts below it. */
  readonly mount: Mount | undefined;
  /** Devices of `/` and of `/run`, as {@link Mount.device}. */
  readonly rootDevice: string | undefined;
  readonly runDevice: string | undefined;
}

/** Finds the place of a directory. */
export async function placeOf(target: string): Promise<Place> {
  const path = resolve(target);
  const existing = await nearestExisting(path);
  const [mount, root, run] = await Promise.all(
    [existing, '/', '/run'].map((each) => mountOf(each).catch(() => undefined)),
  );
  return {
    path,
    real: resolve(await realpath(existing.toString()), relative(existing.toString(), path)),
    existing,
    mount,
    rootDevice: root?.device,
    runDevice: run?.device,
  };
}

/** Returns the path itself, or the closest directory above it that exists; absolute. */
export async function nearestExisting(target: Path): Promise<Buffer> {
  const bytes = pathBytes(target);
  let here = bytes[0] === slash ? bytes : joinPath(process.cwd(), bytes);
  while (here.length > 1) {
    const exists = await stat(here).then(
      () => true,
      () => false,
    );
    if (exists) return here;
    here = here.subarray(0, Math.max(here.lastIndexOf(slash), 0));
  }
  return Buffer.from('/');
}

/** Undoes the octal escapes `\040`, `\011`, `\012`, `\134`, `\043`. */
function unescaped(field: string): Buffer {
  const text = field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(text, 'latin1');
}
