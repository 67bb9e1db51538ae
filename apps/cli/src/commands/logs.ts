import { systemClock } from 'cyrus-core/clock';
import { findTask } from 'cyrus-edge-worker/people/find-task';
import type { Queryable } from 'cyrus-store/pool';
import { findTasks } from 'cyrus-store/queries/task-list';
import type { CommandContext } from '../context.ts';
import { describeEvent } from '../describe-event.ts';
import { timeOfDay } from '../format.ts';
import { withStore } from '../open-home.ts';
import { planEvents } from '../plan-events.ts';
import { plain } from '../terminal.ts';

/** How long the answer may take once the task has ended; for ever when no service runs. */
const answerMs = 3_000;

/** `cyrus logs TASK [-f]`: what happened, in the order in which it did. Following ends with the task. */
export async function logs(
  { home, config, terminal }: CommandContext,
  name: string,
  options: { readonly json?: boolean; readonly follow?: boolean },
): Promise<void> {
  await withStore(home, config(), async ({ db }) => {
    const task = await findTask(db, name);
    let after = 0;
    let answered = false;
    const print = async (): Promise<void> => {
      for await (const event of planEvents(db, task.planId, after)) {
        after = event.number;
        answered = event.type === 'turn.closed' || (answered && event.type !== 'plan.state');
        const text = options.json ? JSON.stringify(event) : describeEvent(event);
        if (text !== null) terminal.out(options.json ? text : `${timeOfDay(event.at)}  ${plain(text)}`);
      }
    };
    if (!options.follow) return print();
    for (let endedAt: number | undefined; ; await systemClock.sleep(300)) {
      if (await hasEnded(db, task.planId)) endedAt ??= systemClock.now();
      await print();
      if (endedAt !== undefined && (answered || systemClock.now() - endedAt > answerMs)) return;
    }
  });
}

async function hasEnded(db: Queryable, planId: string): Promise<boolean> {
  const [task] = await findTasks(db, planId);
  return task?.endedAt !== null;
}
