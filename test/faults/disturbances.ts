import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { PoweredDrive, withPluggedDrive } from './drives.ts';
import type { Random } from './random.ts';
import { begin, eventsOf, type Ran, until } from './runs.ts';
import type { Tally } from './tally.ts';

const WHOM = ['group', 'alone'] as const;
/** Power cuts amid a run; one more comes right after its end. */
const CUTS = 2;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * A run that is hit by something at a random moment, unless it has ended. The moment counts from
 * the beginning of one of its streams, or now and then from its own: how quick a machine is
 * changes while the tests run.
 */
async function disturbed(
  args: readonly string[],
  time: number,
  random: Random,
  hit: (run: ReturnType<typeof begin>) => void,
): Promise<Ran & { readonly late: boolean }> {
  const run = begin(...args);
  const [turn, wait] = [random.next(), random.next()];
  const begun = () => eventsOf(run, 'stream-begun');
  if (turn > 0.2) {
    await until(run, () => begun().length > 0);
    const count = begun()[0]?.count ?? 0;
    await until(run, () => begun().length > Math.floor(turn * count));
  }
  await Promise.race([pause((wait * time) / 3), run.ended]);
  const late = run.isOver();
  hit(run);
  return { ...(await run.ended), late };
}

export async function kill(
  args: readonly string[],
  time: number,
  random: Random,
  tally: Tally,
): Promise<void> {
  for (let left = 1 + random.below(3); left > 0; left--) {
    const whom = random.pick(WHOM);
    const { exit } = await disturbed(args, time, random, (run) => run.kill(whom));
    if (exit === 0) tally.tooLate++;
    else if (whom === 'group') tally.killedInGroup++;
    else tally.killedAlone++;
    expect([null, 0]).toContain(exit);
  }
}

export async function interrupt(
  args: readonly string[],
  time: number,
  random: Random,
  tally: Tally,
): Promise<void> {
  const whom = random.pick(WHOM);
  const signal = random.pick(SIGNALS);
  const { exit, failure } = await disturbed(args, time, random, (run) => run.kill(whom, signal));
  if (exit === 0) tally.tooLate++;
  else {
    // Before the program listens, the signal ends it.
    if (exit !== null) expect([exit, failure]).toMatchObject([130, { code: 'interrupted' }]);
    tally.interrupted++;
  }
}

export async function pull(
  args: readonly string[],
  time: number,
  drive: ReturnType<typeof withPluggedDrive>,
  random: Random,
  tally: Tally,
): Promise<void> {
  const ran = await disturbed(args, time, random, () => drive.pull());
  if (ran.exit === 0) tally.tooLate++;
  else {
    expect(ran.failure).toMatchObject({ message: expect.any(String) });
    tally.pulledOut++;
  }
  await drive.plug();
}

/** Power cuts at random moments and one right after the end, each with what was told as done. */
export async function cuts(
  args: readonly string[],
  time: number,
  drive: PoweredDrive,
  random: Random,
): Promise<{ cut: string; done: string[] }[]> {
  const moments = Array.from({ length: CUTS }, () => random.next() * time);
  const taken: { cut: string; done: string[] }[] = [];
  const run = begin(...args);
  const take = () => {
    const done = eventsOf(run, 'stream-done').map(({ at }) => String(at));
    taken.push({ done, cut: drive.cut() });
  };
  let now = 0;
  for (const moment of moments.toSorted((a, b) => a - b)) {
    await Promise.race([pause(moment - now), run.ended]);
    now = moment;
    if (run.isOver()) break;
    take();
  }
  expect((await run.ended).exit).toBe(0);
  take();
  return taken;
}
