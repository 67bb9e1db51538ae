/** Every state machine of the system: the only transitions there are. `walkStates` in the tests visits each. */
export const transitions = {
  turn: { open: ['closed'], closed: [] },
  plan: {
    drafting: ['proposed', 'parked', 'failed', 'stopped'],
    proposed: ['approved', 'parked', 'failed', 'stopped'],
    approved: ['running', 'parked', 'failed', 'stopped'],
    running: ['verifying', 'parked', 'failed', 'stopped'],
    verifying: ['running', 'parked', 'done', 'failed', 'stopped'],
    parked: ['drafting', 'proposed', 'approved', 'running', 'verifying', 'failed', 'stopped'],
    done: [],
    failed: [],
    stopped: [],
  },
  task: {
    waiting: ['ready', 'failed', 'stopped'],
    ready: ['assigned', 'asking', 'failed', 'stopped'],
    assigned: ['running', 'ready', 'asking', 'failed', 'stopped'],
    running: ['verifying', 'ready', 'asking', 'failed', 'stopped'],
    verifying: ['merging', 'ready', 'asking', 'failed', 'stopped'],
    merging: ['done', 'ready', 'asking', 'failed', 'stopped'],
    asking: ['ready', 'assigned', 'running', 'verifying', 'merging', 'failed', 'stopped'],
    done: [],
    failed: [],
    stopped: [],
  },
  attempt: {
    reserved: ['starting', 'failed', 'lost', 'stopped'],
    starting: ['start_unknown', 'running', 'failed', 'lost', 'stopped'],
    start_unknown: ['starting', 'running', 'failed', 'lost', 'stopped'],
    running: ['collecting', 'failed', 'asked', 'lost', 'stopped'],
    collecting: ['succeeded', 'failed', 'asked', 'lost', 'stopped'],
    succeeded: [],
    failed: [],
    asked: [],
    lost: [],
    stopped: [],
  },
  host_job: {
    queued: ['running', 'killed', 'lost'],
    running: ['done', 'failed', 'killed', 'lost'],
    done: [],
    failed: [],
    killed: [],
    lost: [],
  },
  outbound_write: {
    queued: ['sending', 'cancelled'],
    sending: ['queued', 'sent', 'rejected'],
    sent: [],
    rejected: [],
    cancelled: [],
  },
} as const;

export type Machine = keyof typeof transitions;
export type StateOf<M extends Machine> = Extract<keyof (typeof transitions)[M], string>;

export type TurnState = StateOf<'turn'>;
export type PlanState = StateOf<'plan'>;
export type TaskState = StateOf<'task'>;
export type AttemptState = StateOf<'attempt'>;
export type HostJobState = StateOf<'host_job'>;
export type OutboundWriteState = StateOf<'outbound_write'>;

export function canMove<M extends Machine>(machine: M, from: StateOf<M>, to: StateOf<M>): boolean {
  return ((transitions[machine] as Record<string, readonly string[]>)[from] ?? []).includes(to);
}

export function isFinal<M extends Machine>(machine: M, state: StateOf<M>): boolean {
  return ((transitions[machine] as Record<string, readonly string[]>)[state] ?? []).length === 0;
}

/** @throws Error when the machine has no such transition: a defect, never a user's mistake */
export function assertMove<M extends Machine>(machine: M, from: StateOf<M>, to: StateOf<M>): void {
  if (!canMove(machine, from, to)) throw new Error(`${machine}: no transition from ${from} to ${to}`);
}
