import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { Failure } from '../../failure/failure.ts';
import { type Lock, readWhole } from '../store.ts';
import type { Bucket } from './bucket.ts';

/** The claims of writers. Each is an object with a name of its own. */
const CLAIMS = '.lock/';

/** Age at which a claim ends that its writer did not renew, milliseconds. */
const EXPIRY = 180_000;
const RENEWAL = 30_000;

/** Longest claim that is read, bytes. */
const CLAIM_LIMIT = 4096;

/** A lock that ends by itself if its holder does not renew it. */
export interface Lease extends Lock {
  /**
   * Checks that this writer still holds it.
   *
   * @throws {Failure} `storage-failed`
   */
  assertHeld(): void;
}

/**
 * Excludes other writers. Works in every store that lists an object as soon as it is written: a
 * writer writes its claim, then lists the claims, and gives up if it finds another one that is alive.
 * Of two writers that begin at once, at most one goes on. The times are those of the store, since
 * clocks of machines differ.
 *
 * @throws {Failure} `archive-locked`
 */
export async function takeLease(bucket: Bucket): Promise<Lease> {
  const own = `${CLAIMS}${randomUUID()}`;
  const claim = Buffer.from(JSON.stringify({ writer: thisWriter() }));
  await bucket.put(own, claim);
  try {
    await assertAlone(bucket, own);
  } catch (error) {
    await bucket.remove(own, { cleanup: true }).catch(() => {});
    throw error;
  }
  return renewed(bucket, own, claim);
}

function renewed(bucket: Bucket, own: string, claim: Uint8Array): Lease {
  const lost = new AbortController();
  let held = Date.now();
  const assertHeld = () => {
    // A machine that slept renewed nothing meanwhile.
    if (Date.now() - held > EXPIRY - RENEWAL) lost.abort(lockLost(bucket));
    lost.signal.throwIfAborted();
  };
  const renew = async () => {
    const begun = Date.now();
    await bucket.put(own, claim);
    held = begun;
  };
  const timer = setInterval(() => {
    renew().catch(() => {
      if (Date.now() - held > EXPIRY - RENEWAL) lost.abort(lockLost(bucket));
    });
  }, RENEWAL);
  timer.unref();
  return {
    lost: lost.signal,
    assertHeld,
    async release() {
      clearInterval(timer);
      // If this fails, the claim ends by itself.
      await bucket.remove(own, { cleanup: true }).catch(() => {});
    },
  };
}

/** Removes claims that ended. */
async function assertAlone(bucket: Bucket, own: string): Promise<void> {
  const claims = await bucket.list(CLAIMS);
  const now = claims.get(own)?.modified ?? 0;
  for (const [path, { modified }] of claims) {
    if (path === own) continue;
    const ended = now - modified > EXPIRY || (await isOfDeadWriter(bucket, path));
    if (!ended) throw locked(bucket);
    await bucket.remove(path);
  }
}

/** Reports whether the writer of a claim was a process of this machine that has ended. */
async function isOfDeadWriter(bucket: Bucket, path: string): Promise<boolean> {
  try {
    const { body } = await bucket.get(path);
    const text = Buffer.from((await readWhole(body, CLAIM_LIMIT)) ?? []).toString();
    const { writer } = JSON.parse(text) as { writer?: Partial<Writer> | null };
    const here = thisWriter();
    if (here === null || writer?.machine !== here.machine || writer.pid === undefined) return false;
    return startOf(writer.pid) !== writer.start;
  } catch {
    return false;
  }
}

/** A process, named so that no other one ever has the same names. */
interface Writer {
  /** Identifies a boot of a machine, and a namespace of processes. */
  readonly machine: string;
  readonly pid: number;
  /** Ticks of the clock from the boot to the start of the process. */
  readonly start: string;
}

/** Null on a system without /proc. */
function thisWriter(): Writer | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const machine = `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
    return { machine, pid: process.pid, start: startOf(process.pid) ?? '' };
  } catch {
    return null;
  }
}

/** States of a process that has ended, and that its parent has not asked for. */
const ENDED = ['Z', 'X'];

/** The time of a process's start, proc(5); undefined if it does not run. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in parentheses, may hold spaces.
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ENDED.includes(state) ? undefined : fields[18];
  } catch {
    return undefined;
  }
}

function locked({ place: { location } }: Bucket): Failure {
  return new Failure('archive-locked', `another btrferry is writing to ${location}`, {
    hint: 'wait until it has ended, then run the same command again; if it was killed, wait three minutes',
    where: { archive: location },
  });
}

function lockLost({ place: { location } }: Bucket): Failure {
  return new Failure('storage-failed', `${location} could not be reached for minutes`, {
    hint: 'another writer may have begun; run the same command again, and it goes on from here',
    where: { archive: location },
  });
}
