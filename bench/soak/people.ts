import { setTimeout as pause } from 'node:timers/promises';
import { act } from './act.ts';
import { type Ending, endingOf } from './day.ts';
import { jsonCall } from './json-call.ts';
import { linearTimeScale, type PlannedIssue, type Weather } from './plan.ts';
import type { World } from './world.ts';

/** An issue as it was assigned. */
export interface Assigned {
  readonly planned: PlannedIssue;
  readonly id: string;
  readonly identifier: string;
  /** The first one. */
  readonly session: string;
  /** How much was said in each session, its opening included. */
  readonly sessions: Map<string, number>;
  /** A word of its own that the agent is to write down. */
  readonly marker: string;
  /** Bodies of the messages so far that an agent is to write down. */
  readonly messages: string[];
  readonly ending: Ending;
}

/** What people do, by the plan. */
export interface People {
  readonly assigned: readonly Assigned[];
  /** How many messages each session was told so far, the first request included; a session is missing until all was said. */
  readonly said: ReadonlyMap<string, number>;
  /** How many sessions there are so far. */
  sessions(): number;
  /** Resolves when everybody has said everything. */
  readonly done: Promise<void>;
}

export interface PeopleOptions {
  readonly world: World;
  readonly issues: readonly PlannedIssue[];
  /** Resolves when the issue with this number may be under way. */
  readonly room: (n: number) => Promise<void>;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const markerOf = (n: number): string => `soak-${String(n).padStart(4, '0')}-marker`;

export function startPeople({ world, issues, room, say, signal }: PeopleOptions): People {
  const assigned: Assigned[] = [];
  const said = new Map<string, number>();

  async function play(planned: PlannedIssue): Promise<void> {
    const issue = await assign(world, planned);
    assigned.push(issue);
    await Promise.all([talk(issue), stop(issue), act({ world, issue, say, signal })]);
    // What was said in a session that is gone may never come.
    for (const [session, count] of issue.sessions) said.set(session, issue.ending === 'gone' ? 0 : count);
  }
  async function talk(issue: Assigned): Promise<void> {
    for (const [index, { afterMs }] of issue.planned.followUps.entries()) {
      await pause(afterMs);
      await tell(world, issue, `Please also write down follow-up-${index + 1} of ${issue.marker}.`);
      say(`${issue.identifier} is told more`);
    }
  }
  async function stop(issue: Assigned): Promise<void> {
    const { stopAfterMs } = issue.planned;
    if (stopAfterMs === null) return;
    await pause(stopAfterMs);
    await stopWork(world, issue);
    say(`${issue.identifier} is told to stop`);
  }
  async function all(): Promise<void> {
    const playing: Promise<void>[] = [];
    const broken = new AbortController();
    for (const planned of issues) {
      await pause(planned.delayMs);
      await room(planned.n);
      if (broken.signal.aborted) break;
      const one = play(planned);
      // It is waited for below; until then its failure only ends the assigning.
      one.catch(() => broken.abort());
      playing.push(one);
    }
    await Promise.all(playing);
  }
  const done = all();
  done.catch(() => undefined);
  return { assigned, said, sessions: () => assigned.reduce((sum, issue) => sum + issue.sessions.size, 0), done };
}

/** Says something that the agent is to write down. */
export async function tell(world: World, issue: Assigned, body: string): Promise<void> {
  await order(world, issue, body);
  issue.messages.push(body);
}

/** Says something to Cyrus: `pause`, `resume`. */
export async function order(world: World, issue: Assigned, body: string): Promise<void> {
  await jsonCall(`${world.linear}/people/sessions/${issue.session}/prompt`, { body });
  count(issue);
}

export async function stopWork(world: World, issue: Assigned): Promise<void> {
  await jsonCall(`${world.linear}/people/sessions/${issue.session}/stop`, {});
  count(issue);
}

/** One more thing was said in its session. */
export function count(issue: Assigned): void {
  issue.sessions.set(issue.session, (issue.sessions.get(issue.session) ?? 0) + 1);
}

async function assign(world: World, planned: PlannedIssue): Promise<Assigned> {
  const marker = markerOf(planned.n);
  if (planned.agent === 'claude') await jsonCall(`${world.model}/control/scripts`, modelScripts(marker));
  for (const weather of planned.weather) await change(world, weather);
  if (planned.promptedFirst) await change(world, { at: 'linear', fault: { kind: 'reorder', holdMs: 1_000 * linearTimeScale, times: 1 } });
  const issue = await jsonCall<{ id: string; identifier: string; sessions: readonly string[] }>(`${world.linear}/people/issues`, {
    title: `Write down ${marker}`,
    description: descriptionOf(planned),
    labels: ['Feature'],
    delegate: true,
    ...(planned.action?.kind === 'unblock' ? { blockedBy: [await blocker(world, planned.n)] } : {}),
  });
  const [session] = issue.sessions;
  if (session === undefined) throw new Error(`${issue.identifier} was delegated and has no session`);
  return {
    planned,
    id: issue.id,
    identifier: issue.identifier,
    session,
    sessions: new Map([[session, 1]]),
    marker,
    messages: [],
    ending: endingOf(planned),
  };
}

export const descriptionOf = (planned: PlannedIssue): string =>
  `A file with this word in it. [repo=${planned.repository}] [agent=${planned.agent}]`;

/** An issue that nobody works on. */
async function blocker(world: World, n: number): Promise<string> {
  const title = `Blocks number ${n}`;
  return (await jsonCall<{ identifier: string }>(`${world.linear}/people/issues`, { title })).identifier;
}

/** What the model answers: one command, and a closing word; again from the start when it is asked again after it was cut off. */
function modelScripts(marker: string): readonly object[] {
  const command = `echo ${marker} > CHANGES-${marker}.md && git add -A && (git diff --cached --quiet || git commit -q -m 'Write down ${marker}')`;
  const steps = [
    { text: 'Writing it down.', tool: 'Bash', input: { command, description: 'Write it down and commit' } },
    { text: 'Written down.' },
  ];
  return [
    { match: marker, steps },
    { match: marker, onFollowUp: marker, steps },
  ];
}

/** Makes an outside service misbehave for a moment. */
async function change(world: World, { at, fault, path = '/control/faults', over }: Weather): Promise<void> {
  await jsonCall(`${world[at]}${path}`, fault);
  if (!over) return;
  // Nobody waits for better weather.
  void pause(over.afterMs)
    .then(() => jsonCall(`${world[at]}${path}`, over.fault))
    .catch(() => undefined);
}
