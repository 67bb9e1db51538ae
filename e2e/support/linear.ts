import type { CallCounts } from '../../stand-ins/linear/src/control/control.ts';
import type { ActivityView, IssueView, SessionView } from '../../stand-ins/linear/src/control/views.ts';
import type { Violation } from '../../stand-ins/linear/src/control/violations.ts';
import type { Fault } from '../../stand-ins/linear/src/faults/fault.ts';
import type { Entry } from '../../stand-ins/linear/src/journal.ts';
import type { Delivery } from '../../stand-ins/linear/src/webhooks/webhooks.ts';
import { call } from './call.ts';
import type { Program } from './program.ts';
import { until } from './until.ts';

export type { ActivityView, IssueView, SessionView };

const closingTypes = ['response', 'error', 'elicitation'];

/** Linear as the people of a test use it, and as it looks from behind. */
export class Linear {
  readonly program: Program;
  readonly graphqlUrl: string;
  private readonly control: string;

  constructor(program: Program) {
    this.program = program;
    this.graphqlUrl = String(program.ready['graphqlUrl']);
    this.control = String(program.ready['controlUrl']);
  }

  deliverTo(url: string, secret: string): Promise<unknown> {
    return call(`${this.control}/control/webhook`, { url, secret });
  }

  /** Makes an issue and delegates it to the agent; its identifier. */
  async assign(issue: { readonly title: string; readonly description?: string; readonly labels?: readonly string[] }): Promise<string> {
    const { identifier } = await call<{ identifier: string }>(`${this.control}/people/issues`, issue);
    await call(`${this.control}/people/issues/${identifier}/delegate`, {});
    return identifier;
  }

  people<T = unknown>(path: string, body: object = {}): Promise<T> {
    return call<T>(`${this.control}/people/${path}`, body);
  }

  issue(identifier: string): Promise<IssueView> {
    return call(`${this.control}/control/issues/${identifier}`);
  }

  /** The issue's newest session; waits for it. */
  async session(identifier: string): Promise<SessionView> {
    const id = await until(`a session of ${identifier}`, async () => (await this.issue(identifier)).sessions.at(-1));
    return this.byId(id);
  }

  byId(session: string): Promise<SessionView> {
    return call(`${this.control}/control/sessions/${session}`);
  }

  async say(identifier: string, body: string): Promise<void> {
    await this.people(`sessions/${(await this.session(identifier)).id}/prompt`, { body });
  }

  async stop(identifier: string): Promise<void> {
    await this.people(`sessions/${(await this.session(identifier)).id}/stop`);
  }

  /** The agent's activities, oldest first. */
  async activities(identifier: string): Promise<readonly ActivityView[]> {
    return (await this.session(identifier)).activities.filter((activity) => activity.byAgent);
  }

  async closings(identifier: string): Promise<readonly ActivityView[]> {
    return (await this.activities(identifier)).filter((activity) => closingTypes.includes(activity.type));
  }

  /** Waits for the `count`th closing answer. */
  closing(identifier: string, count: number = 1, withinMs: number = 90_000): Promise<ActivityView> {
    return until(`closing answer ${count} of ${identifier}`, async () => (await this.closings(identifier))[count - 1], {
      withinMs,
      explain: () => this.describe(identifier),
    });
  }

  /** Waits for an activity whose text matches. */
  seen(identifier: string, pattern: RegExp, withinMs: number = 60_000): Promise<ActivityView> {
    return until(
      `an activity like ${pattern} on ${identifier}`,
      async () => (await this.activities(identifier)).find((activity) => pattern.test(textOf(activity))),
      { withinMs, explain: () => this.describe(identifier) },
    );
  }

  async describe(identifier: string): Promise<string> {
    const { activities, status } = await this.session(identifier);
    return [
      `${identifier}: ${status}`,
      ...activities.map((each) => `  ${each.byAgent ? each.type : '@'}: ${textOf(each).slice(0, 600)}`),
    ].join('\n');
  }

  calls(): Promise<CallCounts> {
    return call(`${this.control}/control/calls`);
  }

  /** Requests to the token address, by grant. */
  grants(): Promise<Readonly<Record<string, { readonly asked: number; readonly given: number }>>> {
    return call(`${this.control}/control/grants`);
  }

  violations(): Promise<readonly Violation[]> {
    return call(`${this.control}/control/violations`);
  }

  deliveries(): Promise<readonly Delivery[]> {
    return call(`${this.control}/control/deliveries`);
  }

  async journal(): Promise<readonly Entry[]> {
    return (await call<{ entries: readonly Entry[] }>(`${this.control}/control/activities?kinds=all`)).entries;
  }

  fault(fault: Fault | readonly Fault[]): Promise<unknown> {
    return call(`${this.control}/control/faults`, fault);
  }

  noFaults(): Promise<unknown> {
    return call(`${this.control}/control/faults`, undefined, 'DELETE');
  }
}

export function textOf(activity: ActivityView): string {
  return activity.type === 'action' ? `${activity.action} ${activity.parameter}` : (activity.body ?? '');
}
