/** The faults that the program survived. */
export interface Tally {
  /** SIGKILL before it was through: with all that it had started, or alone. */
  killedInGroup: number;
  killedAlone: number;
  /** SIGINT or SIGTERM before it was through. */
  interrupted: number;
  powerCuts: number;
  pulledOut: number;
  full: number;
  /** It had ended before the disturbance came. */
  tooLate: number;
  /** Streams that were whole at the archive or the destination after a disturbance. */
  streamsThere: number;
  framesReused: number;
  leftOversRemoved: number;
}

export function newTally(): Tally {
  return {
    killedInGroup: 0,
    killedAlone: 0,
    interrupted: 0,
    powerCuts: 0,
    pulledOut: 0,
    full: 0,
    tooLate: 0,
    streamsThere: 0,
    framesReused: 0,
    leftOversRemoved: 0,
  };
}
