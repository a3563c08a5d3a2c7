import type { StoredStream } from '../../archive/read/stored-stream.ts';
import type { Warning } from '../../events/warning.ts';
import { Failure } from '../../failure/failure.ts';
import { shellWord } from '../../names/shell.ts';
import { type StreamName, streamText } from '../../names/title.ts';
import { receivedNames } from '../import/names.ts';
import type { RefusedStream } from '../import/plan.ts';
import { salvagedName } from './names.ts';

/** A full stream as it was found, with its copies in other archives. */
export interface Examined {
  readonly stream: StoredStream;
  readonly copies: readonly StoredStream[];
  readonly finding: Finding;
}

export type Finding =
  | { readonly state: 'intact' }
  /** Something of it is lost; the first failure that shows it. */
  | { readonly state: 'damaged'; readonly failure: Failure }
  /** Its remains must not be received, or cannot be. */
  | { readonly state: 'refused'; readonly failure: Failure };

export interface SalvageStep {
  readonly stream: StoredStream;
  readonly copies: readonly StoredStream[];
  readonly failure: Failure;
  /** Name of the writable subvolume. */
  readonly as: Buffer;
}

export interface SalvagePlan {
  readonly steps: readonly SalvageStep[];
  readonly intact: readonly StreamName[];
  readonly refused: readonly RefusedStream[];
  readonly warnings: readonly Warning[];
}

/** The facts that a plan is made of. */
export interface SalvageFacts {
  readonly examined: readonly Examined[];
  /** Other wanted streams that cannot be salvaged. */
  readonly refused: readonly RefusedStream[];
  /** The user named the streams. */
  readonly named: boolean;
  /** Names that are in use in the directory to receive into. */
  readonly taken: readonly Uint8Array[];
  /** Template for the names of subvolumes. */
  readonly template: string | undefined;
}

/**
 * Decides which streams to salvage, and under which names. A stream is not salvaged if another stream
 * of the same snapshot is intact. Pure.
 *
 * @throws {Failure} `usage` if the template makes no names
 */
export function planSalvage({
  examined,
  refused,
  named,
  taken,
  template,
}: SalvageFacts): SalvagePlan {
  const whole = new Map(
    examined.flatMap(({ stream, finding }) =>
      finding.state === 'intact' ? [[stream.uuid, stream] as const] : [],
    ),
  );
  const lost = examined.flatMap((each) =>
    each.finding.state === 'damaged' && !whole.has(each.stream.uuid)
      ? [{ ...each, failure: each.finding.failure }]
      : [],
  );
  const unfit = examined.flatMap(({ stream, finding }) =>
    finding.state === 'refused' ? [{ ...stream.called, failure: finding.failure }] : [],
  );
  const unharmed = [...whole.values()];
  const { steps, warnings } = receivedNames(
    lost.map(({ stream }) => stream),
    [],
    template,
  );
  const used = [...taken];
  return {
    steps: steps.map(({ stream, as }, at) => {
      const { copies, failure } = lost[at] as (typeof lost)[number];
      const name = salvagedName(as, used);
      used.push(name);
      return { stream, copies, failure, as: name };
    }),
    intact: named ? [] : unharmed.map(({ called }) => called),
    refused: [
      ...(named ? unharmed.map((each) => ({ ...each.called, failure: intactFailure(each) })) : []),
      ...refused,
      ...unfit,
    ],
    warnings,
  };
}

function intactFailure({ called, source, uuid }: StoredStream): Failure {
  const word = shellWord(uuid.slice(0, 8));
  return new Failure('usage', `${streamText(called)}: nothing is lost in it`, {
    hint: `import it: btrferry import ${shellWord(source.archive)} --only ${word} --into <dir>`,
    where: { archive: source.archive, file: source.directory, uuid },
  });
}

/** The rest of an increment makes no sense without the files that it changes. */
export function incrementFailure({ called, source, uuid }: StoredStream): Failure {
  return new Failure(
    'usage',
    `${streamText(called)} is an increment, and only a full stream can be salvaged`,
    {
      hint: `if it is damaged, look for it in another copy; or move ${source.directory} out of the archive and export the snapshot again`,
      where: { archive: source.archive, file: source.directory, uuid },
    },
  );
}
