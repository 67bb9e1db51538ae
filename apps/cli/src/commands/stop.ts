import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { systemClock } from 'cyrus-core/clock';
import { systemIds } from 'cyrus-core/ids';
import { createIngest } from 'cyrus-edge-worker/ingest/ingest';
import { silentLog } from 'cyrus-store/log';
import { sessionsOfPlan } from 'cyrus-store/queries/session-of-plan';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { findTask } from '../find-task.ts';
import { withStore } from '../open-home.ts';

/** `cyrus stop TASK`: the same stop as in the tracker; the service confirms it there. */
export async function stop({ home, config, terminal }: CommandContext, name: string, options: { readonly json?: boolean }): Promise<void> {
  await withStore(home, config(), async ({ db }) => {
    const task = await findTask(db, name);
    if (task.endedAt !== null) throw new CliError(`${task.identifier} is not running: it is ${task.planState}.`);
    const [session] = await sessionsOfPlan(db, task.planId);
    if (!session) throw new CliError(`${task.identifier} has no session to stop.`);
    // The service hears of it by NOTIFY: there is nothing to call in this process.
    const hooks = { wakeBroker: (): void => undefined, stopPlan: (): void => undefined, wakeEngine: (): void => undefined };
    const ingest = createIngest({ db, clock: systemClock, ids: systemIds, config, hooks, log: silentLog });
    await ingest.say(session.id, { body: 'stop', signal: 'stop', author: userInfo().username, id: randomUUID() });
    if (options.json) terminal.out(JSON.stringify({ taskId: task.taskId, identifier: task.identifier, stop: 'requested' }));
    else terminal.out(`Stop of ${task.identifier} is asked for. Its end is shown by: cyrus logs ${task.identifier} -f`);
  });
}
