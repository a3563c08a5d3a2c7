import type { CopyPlanned, CopyResult } from './copy.ts';
import type { Checked, DoctorResult } from './doctor.ts';
import type { ArchiveFailed, ExportPlanned, ExportResult } from './export.ts';
import type {
  AdoptResult,
  DifferenceFound,
  FingerprintPlanned,
  FingerprintResult,
} from './fingerprint.ts';
import type { ImportPlanned, ImportResult } from './import.ts';
import type { CommandInspected, InspectResult, StreamInspected } from './inspect.ts';
import type { ArchiveListed, FingerprintListed, ListResult, StreamListed } from './list.ts';
import type { ProtectResult, StreamRepaired } from './protect.ts';
import type { PrunePlanned, PruneResult, StreamRemoved } from './prune.ts';
import type { SalvagePlanned, StreamSalvaged } from './salvage.ts';
import type { DraftDiscarded, SpaceMeasured } from './space.ts';
import type { MediumFull } from './span.ts';
import type { DestinationListed, StatusResult } from './status.ts';
import type { FrameTaken, Progress, StreamBegun, StreamDone, StreamRefused } from './stream.ts';
import type { StreamVerified, VerifyPlanned, VerifyResult } from './verify.ts';
import type { Warning } from './warning.ts';

/**
 * Everything that an operation reports, when it happens. Operations emit events, and reporters print
 * them. With `--json` each event is one line: members are stable, sizes are bytes, ctransids are
 * decimal text. docs/cli.md documents each event.
 */
export type Event =
  | ExportPlanned
  | ImportPlanned
  | SalvagePlanned
  | VerifyPlanned
  | CopyPlanned
  | FingerprintPlanned
  | PrunePlanned
  | StreamRemoved
  | DifferenceFound
  | StreamBegun
  | Progress
  | StreamDone
  | StreamRefused
  | FrameTaken
  | ArchiveFailed
  | MediumFull
  | SpaceMeasured
  | DraftDiscarded
  | Warning
  | StreamListed
  | FingerprintListed
  | ArchiveListed
  | DestinationListed
  | CommandInspected
  | StreamInspected
  | StreamVerified
  | StreamRepaired
  | StreamSalvaged
  | Checked
  | Result;

/** The last event of a command that did its work. */
export type Result =
  | ExportResult
  | ImportResult
  | VerifyResult
  | CopyResult
  | PruneResult
  | FingerprintResult
  | ProtectResult
  | AdoptResult
  | ListResult
  | StatusResult
  | InspectResult
  | DoctorResult;

/** Takes the events of an operation. */
export type Emit = (event: Event) => void;
