import { setTimeout as pause } from 'node:timers/promises';
import { jsonCall } from './json-call.ts';
import { linearTimeScale, type PlannedIssue, type Weather } from './plan.ts';
import type { World } from './world.ts';

/** An issue as it was assigned. */
export interface Assigned {
  readonly planned: PlannedIssue;
  readonly id: string;
  readonly identifier: string;
  readonly session: string;
  /** A word of its own that the agent is to write down. */
  readonly marker: string;
  /** Bodies of the messages so far, without the issue itself. */
  readonly messages: string[];
  stopped: boolean;
}

/** What people do, by the plan. */
export interface People {
  readonly assigned: readonly Assigned[];
  /** How many messages each session was told so far, the first request included; a session is missing until all was said. */
  readonly said: ReadonlyMap<string, number>;
  /** Resolves when everybody has said everything. */
  readonly done: Promise<void>;
}

export interface PeopleOptions {
  readonly world: World;
  readonly issues: readonly PlannedIssue[];
  /** Resolves when the issue with this number may be under way. */
  readonly room: (n: number) => Promise<void>;
  readonly say: (line: string) => void;
}

const markerOf = (n: number): string => `soak-${String(n).padStart(4, '0')}-marker`;

export function startPeople({ world, issues, room, say }: PeopleOptions): People {
  const assigned: Assigned[] = [];
  const said = new Map<string, number>();

  async function play(planned: PlannedIssue): Promise<void> {
    const issue = await assign(world, planned);
    assigned.push(issue);
    await Promise.all([talk(issue), stop(issue)]);
    const session = await jsonCall<{ prompts: number }>(`${world.linear}/control/sessions/${issue.session}`);
    said.set(issue.session, session.prompts);
  }
  async function talk(issue: Assigned): Promise<void> {
    for (const [index, { afterMs }] of issue.planned.followUps.entries()) {
      await pause(afterMs);
      const body = `Please also write down follow-up-${index + 1} of ${issue.marker}.`;
      await jsonCall(`${world.linear}/people/sessions/${issue.session}/prompt`, { body });
      issue.messages.push(body);
      say(`${issue.identifier} is told more`);
    }
  }
  async function stop(issue: Assigned): Promise<void> {
    const { stopAfterMs } = issue.planned;
    if (stopAfterMs === null) return;
    await pause(stopAfterMs);
    await jsonCall(`${world.linear}/people/sessions/${issue.session}/stop`, {});
    issue.stopped = true;
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
  return { assigned, said, done };
}

async function assign(world: World, planned: PlannedIssue): Promise<Assigned> {
  const marker = markerOf(planned.n);
  if (planned.agent === 'claude') await jsonCall(`${world.model}/control/scripts`, modelScripts(marker));
  for (const weather of planned.weather) await change(world, weather);
  if (planned.promptedFirst) await change(world, { at: 'linear', fault: { kind: 'reorder', holdMs: 1_000 * linearTimeScale, times: 1 } });
  const issue = await jsonCall<{ id: string; identifier: string; sessions: readonly string[] }>(`${world.linear}/people/issues`, {
    title: `Write down ${marker}`,
    description: `A file with this word in it. [repo=${planned.repository}] [agent=${planned.agent}]`,
    labels: ['Feature'],
    delegate: true,
  });
  const [session] = issue.sessions;
  if (session === undefined) throw new Error(`${issue.identifier} was delegated and has no session`);
  return { planned, id: issue.id, identifier: issue.identifier, session, marker, messages: [], stopped: false };
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
async function change(world: World, { at, fault }: Weather): Promise<void> {
  await jsonCall(`${at === 'linear' ? world.linear : world.github}/control/faults`, fault);
}
