import { linearTimeScale, type PlannedIssue, type Weather } from './plan.ts';
import { type Random, seeded } from './random.ts';

/** What a person does about one issue; `afterMs` after it was assigned, or after its question was asked. */
export type PlannedAction =
  /** Changes the description. */
  | { readonly kind: 'edit'; readonly afterMs: number }
  /** Says something to the work. */
  | { readonly kind: 'steer'; readonly afterMs: number }
  | { readonly kind: 'stop'; readonly afterMs: number }
  /** Answers what the agent asks: one of the offered choices, or words of their own. */
  | { readonly kind: 'answer'; readonly afterMs: number; readonly with: 'choice' | 'words' }
  /** Leaves the agent's question alone. */
  | { readonly kind: 'no answer' }
  | { readonly kind: 'unassign'; readonly afterMs: number }
  | { readonly kind: 're-assign'; readonly afterMs: number; readonly thenMs: number }
  | { readonly kind: 'delete'; readonly afterMs: number }
  | { readonly kind: 'delete session'; readonly afterMs: number }
  | { readonly kind: 'close'; readonly afterMs: number }
  | { readonly kind: 'pause'; readonly afterMs: number; readonly thenMs: number }
  /** The issue is blocked by another from the start; that one is closed. */
  | { readonly kind: 'unblock'; readonly afterMs: number };

/**
 * How an issue ends. `done`: with its pull request. `ended`: a person ended it, maybe after its pull request was there. `asking`: with an
 * open question. `gone`: Linear knows the session no more, so that nothing can be said there.
 */
export type Ending = 'done' | 'ended' | 'asking' | 'gone';

const endings: Readonly<Record<PlannedAction['kind'], Ending>> = {
  edit: 'done',
  steer: 'done',
  stop: 'ended',
  answer: 'done',
  'no answer': 'asking',
  unassign: 'ended',
  're-assign': 'done',
  delete: 'gone',
  'delete session': 'gone',
  close: 'ended',
  pause: 'done',
  unblock: 'done',
};

export function endingOf({ action, stopAfterMs }: PlannedIssue): Ending {
  if (action) return endings[action.kind];
  return stopAfterMs === null ? 'done' : 'ended';
}

/** The day over a plan of issues: some of them get a person who does more than assign, and every switch of the stand-ins has its turn. */
export function planDay(issues: readonly PlannedIssue[], actions: number, seed: number): PlannedIssue[] {
  const random = seeded(seed + 7_919);
  const kinds = round(random, Object.keys(endings) as PlannedAction['kind'][], actions);
  const chosen = random.shuffle(issues.map((_issue, index) => index)).slice(0, actions);
  const actionOf = new Map(chosen.map((index, turn) => [index, drawAction(random, kinds[turn] ?? 'steer')]));
  const weather = round(random, switches(random), Math.ceil(issues.length * 0.7));
  const weatherOf = new Map(
    random
      .shuffle(issues.map((_issue, index) => index))
      .slice(0, weather.length)
      .map((index, turn) => [index, weather[turn]]),
  );
  return issues.map((issue, index) => {
    const struck = weatherOf.get(index);
    const changed = struck ? { ...issue, weather: [...issue.weather.filter(isDuplicate), struck()] } : issue;
    const action = actionOf.get(index);
    if (!action) return { ...changed, stopAfterMs: null };
    const asks = action.kind === 'answer' || action.kind === 'no answer';
    return { ...changed, action, agent: asks ? 'asking' : 'slow', followUps: [], promptedFirst: false, stopAfterMs: null };
  });
}

const isDuplicate = ({ fault }: Weather): boolean => fault['kind'] === 'duplicate';

/** So many of them, each kind as often as any other. */
function round<T>(random: Random, kinds: readonly T[], count: number): T[] {
  const all: T[] = [];
  while (all.length < count) all.push(...random.shuffle(kinds));
  return all.slice(0, count);
}

function drawAction(random: Random, kind: PlannedAction['kind']): PlannedAction {
  const afterMs = random.whole(200, 6_000);
  switch (kind) {
    case 'no answer':
      return { kind };
    case 'answer':
      return { kind, afterMs: random.whole(0, 3_000), with: random.pick(['choice', 'words']) };
    case 're-assign':
    case 'pause':
      return { kind, afterMs, thenMs: random.whole(300, 4_000) };
    default:
      return { kind, afterMs };
  }
}

/** Every switch of the three stand-ins that a service has to live through; one by which work is meant to fail (a wrong key) is none. */
function switches(random: Random): (() => Weather)[] {
  const few = (): number => random.whole(1, 2);
  const moment = (): number => random.whole(300, 2_000);
  const linear = (fault: () => Weather['fault']) => (): Weather => ({ at: 'linear', fault: fault() });
  const github = (fault: () => Weather['fault']) => (): Weather => ({ at: 'github', fault: fault() });
  const model = (fault: () => Weather['fault'], back?: Weather['fault']) => (): Weather => ({
    at: 'model',
    fault: fault(),
    ...(back ? { over: { afterMs: moment(), fault: back } } : {}),
  });
  return [
    linear(() => ({ kind: 'cut', field: 'agentActivityCreate', when: random.pick(['before', 'after']), times: few() })),
    linear(() => ({ kind: 'cut', field: random.pick(['issueUpdate', 'attachmentCreate', 'issue', 'agentSessionUpdate']), times: few() })),
    linear(() => ({ kind: 'outage', ms: moment(), direction: random.pick(['in', 'out', 'both']), how: random.pick(['reset', '503']) })),
    linear(() => ({ kind: 'outage', ms: random.whole(300, 1_000), direction: 'in', how: 'refuse' })),
    linear(() => ({ kind: 'rate-limit', requests: random.whole(1, 4), retryAfterSeconds: 1, status: random.pick([400, 429]) })),
    linear(() => ({ kind: 'http-error', status: random.pick([500, 502, 503]), times: few() })),
    linear(() => ({ kind: 'latency', ms: random.whole(200, 1_500), times: random.whole(1, 5) })),
    linear(() => ({ kind: 'error', mutation: 'agentActivityCreate', code: 'INTERNAL_SERVER_ERROR', times: 1 })),
    linear(() => ({ kind: 'unauthorized', times: 1 })),
    linear(() => ({ kind: 'expired-token', times: 1 })),
    linear(() => ({ kind: 'token-error', error: 'server_error', status: 503, times: 1 })),
    linear(() => ({ kind: 'skew', ms: random.whole(1, 3_600) * 1_000, times: few() })),
    linear(() => ({ kind: 'reorder', holdMs: random.whole(1, 3) * 1_000 * linearTimeScale, times: 1 })),
    linear(() => ({ kind: 'upload-error', on: 'get', times: few() })),
    github(() => ({ loseAnswer: { 'pulls.create': 1 } })),
    github(() => ({ loseAnswer: { 'git.push': 1 } })),
    github(() => ({ loseAnswer: { 'apps.createInstallationAccessToken': 1 } })),
    github(() => ({ outageMs: moment(), outageKind: random.pick(['unavailable', 'disconnect']) })),
    github(() => ({ failNext: { count: few(), status: random.pick([500, 502, 503]) } })),
    github(() => ({ failNext: { count: 1, status: 401 } })),
    github(() => ({ rateLimitNext: { count: few(), kind: random.pick(['primary', 'secondary']), retryAfterSeconds: 1 } })),
    github(() => ({ webhooks: { duplicate: few(), dropNext: 1, delayMs: 50 } })),
    () => ({ at: 'github', path: '/people/revokeTokens', fault: {} }),
    model(() => ({ cutOff: { next: few() } })),
    model(() => ({ rateLimited: { next: few(), retryAfterS: 1 } })),
    model(() => ({ overloaded: { next: few() } })),
    model(() => ({ slowMs: random.whole(5, 50) }), { slowMs: 0 }),
    model(() => ({ outage: true }), { outage: false }),
  ];
}
