import type { Machine, Versions } from './machine.ts';

/** What a value has to hold: itself, or its ratio to the floor. */
interface Target {
  readonly of: 'value' | 'ratio';
  readonly atMost: number;
}

/** One number of a claim, as measured. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 'MB' | 'count' | '%' | 'USD';
  /** What the same machine needs at least, measured in the same run; null where there is no such thing. */
  readonly floor: number | null;
  /** Null: shown for orientation. */
  readonly target: Target | null;
  readonly samples: number;
}

/** A measure, judged, with where and on what it was taken. */
export interface Row extends Measure {
  readonly ratio: number | null;
  readonly pass: boolean | null;
  readonly machine: Machine;
  readonly versions: Versions;
}

/** How a claim is to be run. */
interface Run {
  /** How many samples to take where `usual` is the ordinary number. */
  samples(usual: number): number;
  /** Progress, for a person. */
  say(text: string): void;
}

/** What each file of a claim exports as `measure`. */
export type Claim = (run: Run) => Promise<readonly Measure[]>;

export function judge(measure: Measure, machine: Machine, versions: Versions): Row {
  const { value, floor, target } = measure;
  const ratio = floor === null || floor === 0 ? null : value / floor;
  const judged = target?.of === 'ratio' ? ratio : value;
  return { ...measure, ratio, pass: target === null || judged === null ? null : judged <= target.atMost, machine, versions };
}
