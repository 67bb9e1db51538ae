import type { ActiveFault } from '../faults/faults.ts';
import type { Entry, EntryKind } from '../journal.ts';
import type { Delivery } from '../webhooks/webhooks.ts';
import type { World } from '../world.ts';
import type { Tally } from './calls.ts';
import { type IssueView, issueView, type SessionView, sessionView } from './views.ts';
import type { Violation } from './violations.ts';

export interface State {
  /** The journal's last number at this moment: where to follow it from. */
  readonly seq: number;
  readonly organization: { readonly id: string; readonly urlKey: string };
  readonly users: readonly { readonly id: string; readonly name: string; readonly app: boolean }[];
  readonly issues: readonly IssueView[];
  readonly sessions: readonly SessionView[];
}

export interface CallCounts extends Tally {
  readonly byUser: Readonly<Record<string, Tally>>;
  readonly byIssue: Readonly<Record<string, Tally>>;
  readonly bySession: Readonly<Record<string, Tally>>;
}

/** The view from behind: what the server holds and counted, for tests, demos and benchmarks. */
export class Control {
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  state(): State {
    const { store, organization, journal } = this.world;
    return {
      seq: journal.lastSeq,
      organization: { id: organization.id, urlKey: organization.urlKey },
      users: store.all('User').map(({ id, name, app }) => ({ id, name, app })),
      issues: store.all('Issue').map((issue) => issueView(this.world, issue)),
      sessions: store.all('AgentSession').map((session) => sessionView(this.world, session)),
    };
  }

  /** By identifier or id. */
  issue(id: string): IssueView | undefined {
    const issue = this.world.store.find('Issue', id);
    return issue && issueView(this.world, issue);
  }

  session(id: string): SessionView | undefined {
    const session = this.world.store.find('AgentSession', id);
    return session && sessionView(this.world, session);
  }

  /** Journal entries after `since`; waits up to `waitMs` for the first one. */
  async entries(since: number, waitMs: number = 0, kinds?: readonly EntryKind[]): Promise<{ next: number; entries: readonly Entry[] }> {
    const wanted = (entry: Entry): boolean => kinds === undefined || kinds.includes(entry.kind);
    await this.world.journal.waitFor(since, waitMs, wanted);
    const next = this.world.journal.lastSeq;
    return { next, entries: this.world.journal.since(since).filter(wanted) };
  }

  calls(): CallCounts {
    const { all, byUser, byIssue, bySession } = this.world.calls;
    return { ...all, byUser: Object.fromEntries(byUser), byIssue: Object.fromEntries(byIssue), bySession: Object.fromEntries(bySession) };
  }

  /** Requests to the token address, by grant. */
  grants(): Readonly<Record<string, { readonly asked: number; readonly given: number }>> {
    return this.world.tokens.grants;
  }

  /** Every attempt so far, oldest first. */
  deliveries(): readonly Delivery[] {
    return this.world.webhooks.deliveries;
  }

  violations(): readonly Violation[] {
    return this.world.violations.list;
  }

  /** Answers that were made up: neutral values for required scalars, `null` for optional fields without data. */
  fallbacks(): { scalars: Readonly<Record<string, number>>; nulls: Readonly<Record<string, number>> } {
    const { scalars, nulls } = this.world.defaults;
    return { scalars: Object.fromEntries(scalars), nulls: Object.fromEntries(nulls) };
  }

  /** @throws TypeError when it is no fault */
  addFault(fault: unknown): ActiveFault {
    return this.world.faults.add(fault);
  }

  faults(): readonly ActiveFault[] {
    return this.world.faults.list();
  }

  removeFault(id?: number): void {
    this.world.faults.remove(id);
  }

  /** Where webhooks go from now on. @throws TypeError for an address that is not on this machine */
  setWebhook(target: { readonly url: string; readonly secret: string } | undefined): void {
    this.world.webhooks.setTarget(target);
  }
}
