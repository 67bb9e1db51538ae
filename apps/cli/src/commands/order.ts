import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { systemClock } from 'cyrus-core/clock';
import { systemIds } from 'cyrus-core/ids';
import { createIngest } from 'cyrus-edge-worker/ingest/ingest';
import { giveOrder, type OrderKind } from 'cyrus-edge-worker/people/orders';
import { silentLog } from 'cyrus-store/log';
import type { CommandContext } from '../context.ts';
import { withStore } from '../open-home.ts';

const confirmations: Readonly<Record<OrderKind, (identifier: string) => string>> = {
  stop: (issue) => `Stop of ${issue} is asked for. Its end is shown by: cyrus logs ${issue} -f`,
  steer: (issue) => `Said to ${issue}. What becomes of it is shown by: cyrus logs ${issue} -f`,
  answer: (issue) => `Answered. ${issue} goes on.`,
  pause: (issue) => `Pause of ${issue} is asked for. Go on with: cyrus resume ${issue}`,
  resume: (issue) => `${issue} goes on.`,
  retry: (issue) => `${issue} is tried again. See: cyrus logs ${issue} -f`,
};

/** `cyrus stop|steer|answer|pause|resume|retry TASK …`: the same as in the tracker, and answered there too. */
export async function order(
  { home, config, terminal }: CommandContext,
  kind: OrderKind,
  name: string,
  text: string | undefined,
  options: { readonly json?: boolean },
): Promise<void> {
  await withStore(home, config(), async ({ db }) => {
    // The service hears of it by NOTIFY: there is nothing to call in this process.
    const hooks = { wakeBroker: (): void => undefined, stopPlan: (): void => undefined, wakeEngine: (): void => undefined };
    const ingest = createIngest({ db, clock: systemClock, ids: systemIds, config, hooks, log: silentLog });
    const author = userInfo().username;
    const taken = await giveOrder(db, ingest, name, { kind, author, id: randomUUID(), ...(text === undefined ? {} : { text }) });
    if (options.json) terminal.out(JSON.stringify({ ...taken, [kind]: 'requested' }));
    else terminal.out(confirmations[kind](taken.identifier));
  });
}
