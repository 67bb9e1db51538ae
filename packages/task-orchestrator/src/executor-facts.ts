import type { Instant } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import type { MicroUsd } from 'cyrus-core/money';
import type { ExecutorCapabilities } from 'cyrus-executor-interface/executor';

export type { RuledOut } from 'cyrus-core/domain/plan';

/** How an executor is doing. `resting`: its circuit is open until `until`. `trying`: one run may find out whether it works again. */
export interface ExecutorCondition {
  readonly state: 'ready' | 'trying' | 'resting' | 'parked';
  /** For a person: why, and since when. */
  readonly reason: string;
  /** Null: until somebody mends it. */
  readonly until: Instant | null;
  readonly failure: Failure | null;
}

/** What a choice between executors may know of one of them. */
export interface ExecutorFacts {
  readonly id: string;
  readonly kind: 'local' | 'cloud';
  readonly capabilities: ExecutorCapabilities;
  readonly condition: ExecutorCondition;
  /** Runs at once: how many there are, and how many may be; null: no cap of its own. */
  readonly runs: { readonly used: number; readonly cap: number | null };
  /** What a run is assumed to cost where the executor says nothing of money; null: not configured. */
  readonly costPerRun: MicroUsd | null;
  /** Nothing is charged for a run: the user's own login or subscription. */
  readonly included: boolean;
}
