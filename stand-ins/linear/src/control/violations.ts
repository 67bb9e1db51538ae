import type { Journal } from '../journal.ts';

export type ViolationKind = 'activity_after_stop' | 'write_after_stop' | 'no_first_activity' | 'silent_30_minutes' | 'webhook_timeout';

/** A rule of Linear's for agents that the agent under test broke. Linear itself says nothing in most of these cases. */
export interface Violation {
  readonly kind: ViolationKind;
  readonly at: string;
  readonly session: string | null;
  readonly issue: string | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export class Violations {
  readonly list: Violation[] = [];
  private readonly journal: Journal;

  constructor(journal: Journal) {
    this.journal = journal;
  }

  add(violation: Omit<Violation, 'at'>): void {
    const full = { ...violation, at: new Date().toISOString() };
    this.list.push(full);
    this.journal.add('violation', { violation: full });
  }
}
