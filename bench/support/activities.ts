import { call } from '../../e2e/support/call.ts';
import type { ActivityView } from '../../e2e/support/linear.ts';
import { until } from '../../e2e/support/until.ts';
import type { World } from '../../e2e/support/world.ts';

export interface Accepted {
  readonly session: string;
  /** When Linear took it, in milliseconds since the Unix epoch. */
  readonly at: number;
  readonly activity: ActivityView;
}

interface Page {
  readonly next: number;
  readonly entries: readonly { readonly session: string; readonly at: string; readonly activity: ActivityView }[];
}

/** Follows what the agent says in Linear; one open request, whatever is waited for. */
export class Activities {
  private readonly all: Accepted[] = [];
  private readonly ended = new AbortController();
  private readonly following: Promise<void>;

  constructor(world: World) {
    this.following = this.follow(`${String(world.linear.program.ready['controlUrl'])}/control/activities`);
  }

  /** Waits for the agent's first activity of a session that `matches`. */
  first(session: string, matches: (activity: ActivityView) => boolean = () => true, withinMs: number = 20_000): Promise<Accepted> {
    return until(`an activity of ${session}`, () => this.all.find((each) => each.session === session && matches(each.activity)), {
      withinMs,
      explain: () => JSON.stringify(this.of(session).map(({ activity }) => activity.body ?? activity.action)),
    });
  }

  of(session: string): readonly Accepted[] {
    return this.all.filter((each) => each.session === session);
  }

  async close(): Promise<void> {
    this.ended.abort();
    await this.following;
  }

  private async follow(address: string): Promise<void> {
    for (let since = 0; !this.ended.signal.aborted; ) {
      const page = await call<Page>(`${address}?since=${since}&wait=500`);
      for (const { session, at, activity } of page.entries) if (activity.byAgent) this.all.push({ session, at: Date.parse(at), activity });
      since = page.next;
    }
  }
}

/** A closing answer: the one thing each turn owes. */
export const isClosing = ({ type }: ActivityView): boolean => ['response', 'error', 'elicitation'].includes(type);
