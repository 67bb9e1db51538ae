import { setTimeout as pause } from 'node:timers/promises';
import { jsonCall } from './json-call.ts';
import { type Assigned, count, descriptionOf, order, stopWork, tell } from './people.ts';
import type { World } from './world.ts';

export interface Acting {
  readonly world: World;
  readonly issue: Assigned;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Session {
  readonly id: string;
  readonly status: string;
  readonly activities: readonly { readonly type: string; readonly signalMetadata?: unknown }[];
}

/** Does with one issue what is planned, if anything. */
export async function act(acting: Acting): Promise<void> {
  const { world, issue, say, signal } = acting;
  const { action } = issue.planned;
  if (!action || action.kind === 'no answer') return;
  if (action.kind === 'answer' && !(await asked(acting))) return;
  await pause(action.afterMs, undefined, { signal });
  say(`${issue.identifier}: ${action.kind}`);
  const people = <T>(path: string, body: object = {}): Promise<T> => jsonCall<T>(`${world.linear}/people/${path}`, body);
  switch (action.kind) {
    case 'edit':
      return void (await people(`issues/${issue.identifier}/edit`, { description: `${descriptionOf(issue.planned)} It was edited.` }));
    case 'steer':
      return tell(world, issue, `Please also write down one more thing of ${issue.marker}.`);
    case 'stop':
      return stopWork(world, issue);
    case 'answer': {
      await people(
        `sessions/${issue.session}/answer`,
        action.with === 'choice' ? { value: 'tabs' } : { body: `Neither, for ${issue.marker}.` },
      );
      return count(issue);
    }
    case 'unassign':
      return void (await people(`issues/${issue.identifier}/undelegate`));
    case 're-assign': {
      await people(`issues/${issue.identifier}/undelegate`);
      await pause(action.thenMs, undefined, { signal });
      const { session } = await people<{ session: { id: string } | null }>(`issues/${issue.identifier}/delegate`);
      if (session && !issue.sessions.has(session.id)) issue.sessions.set(session.id, 1);
      return;
    }
    case 'delete':
      return void (await people(`issues/${issue.identifier}/remove`));
    case 'delete session':
      return void (await people(`sessions/${issue.session}/delete`));
    case 'close':
      return void (await people(`issues/${issue.identifier}/close`));
    case 'pause':
      await order(world, issue, 'pause');
      await pause(action.thenMs, undefined, { signal });
      return order(world, issue, 'resume');
    case 'unblock':
      return void (await people(`issues/${await blockerOf(world, issue)}/close`));
  }
}

/** Resolves when the agent's question is in Linear; false when it has ended without one. */
async function asked({ world, issue, signal }: Acting): Promise<boolean> {
  for (;;) {
    const session = await jsonCall<Session>(`${world.linear}/control/sessions/${issue.session}`);
    if (session.status === 'awaitingInput') return true;
    if (session.status === 'complete' || session.status === 'error') return false;
    await pause(100, undefined, { signal });
  }
}

async function blockerOf(world: World, issue: Assigned): Promise<string> {
  const { issues } = await jsonCall<{ issues: readonly { identifier: string; title: string }[] }>(`${world.linear}/control/state`);
  const found = issues.find(({ title }) => title === `Blocks number ${issue.planned.n}`);
  if (!found) throw new Error(`${issue.identifier} has no blocking issue`);
  return found.identifier;
}
