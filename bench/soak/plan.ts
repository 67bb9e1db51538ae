import { type PlannedAction, planDay } from './day.ts';
import { type Random, seeded } from './random.ts';

/** What is ended or frozen. `service twice`: again while it starts. `everything`: service, database server and agents in one moment. */
const killKinds = [
  'service',
  'service twice',
  'everything',
  'postmaster',
  'backend',
  'agent',
  'git',
  'freeze service',
  'freeze postmaster',
  'freeze backend',
  'freeze agent',
] as const;
type KillKind = (typeof killKinds)[number];

export interface PlannedKill {
  readonly kind: KillKind;
  /** It happens once so many issues are finished, and `delayMs` later. */
  readonly afterFinished: number;
  readonly delayMs: number;
  /** Of a freeze. */
  readonly lastsMs: number;
  /** Which of the possible victims: a share of their number. */
  readonly victim: number;
}

/** What one of the outside services does wrong for a moment, as its control API takes it. */
export interface Weather {
  readonly at: 'linear' | 'github' | 'model';
  readonly fault: Readonly<Record<string, unknown>>;
  /** Absent: `/control/faults`. */
  readonly path?: string;
  /** What ends it, where it does not end by itself. */
  readonly over?: { readonly afterMs: number; readonly fault: Readonly<Record<string, unknown>> };
}

export interface PlannedIssue {
  readonly n: number;
  readonly repository: 'alpha' | 'beta';
  readonly agent: 'custom' | 'slow' | 'claude' | 'asking';
  /** Waits so long after the one before; 0: at the same moment. */
  readonly delayMs: number;
  /** Messages in the session, each so long after the one before. */
  readonly followUps: readonly { readonly afterMs: number }[];
  /** The first message is sent at once and arrives before the session's own `created`. */
  readonly promptedFirst: boolean;
  /** Presses stop so long after the assignment. */
  readonly stopAfterMs: number | null;
  readonly weather: readonly Weather[];
  /** What a person does about it, of a day. */
  readonly action: PlannedAction | null;
}

export interface SoakPlan {
  readonly issues: readonly PlannedIssue[];
  readonly kills: readonly PlannedKill[];
}

/** Linear's clock in the soak runs this many times faster: a webhook that failed is sent again after 0.06, 3.6 and 22 seconds. */
export const linearTimeScale = 1_000;

/** Everything that is going to happen, by the seed alone. */
export function planSoak(options: {
  readonly issues: number;
  readonly kills: number;
  readonly seed: number;
  /** Null: no day. */
  readonly actions: number | null;
}): SoakPlan {
  const random = seeded(options.seed);
  const issues = planIssues(random, options.issues);
  const kills = planKills(random, options.kills, options.issues);
  return { issues: options.actions === null ? issues : planDay(issues, options.actions, options.seed), kills };
}

function planIssues(random: Random, count: number): PlannedIssue[] {
  const claude = random.whole(0, Math.min(count, 10) - 1);
  const stopped = random.whole(0, Math.min(count, 12) - 1);
  return Array.from({ length: count }, (_, index) => {
    const n = index + 1;
    const isStopped = index % 12 === stopped && index % 10 !== claude;
    const promptedFirst = random.chance(0.1);
    const messages = promptedFirst ? 1 : random.chance(0.3) ? random.whole(1, 2) : 0;
    return {
      n,
      repository: n % 3 === 0 ? 'beta' : 'alpha',
      agent: index % 10 === claude ? 'claude' : random.chance(0.4) ? 'slow' : 'custom',
      // The third of three comes together with the second, on the other repository.
      delayMs: n % 3 === 0 ? 0 : random.whole(50, 600),
      followUps: Array.from({ length: messages }, (_each, turn) => ({
        afterMs: promptedFirst && turn === 0 ? 0 : random.whole(200, 5_000),
      })),
      promptedFirst,
      stopAfterMs: isStopped ? random.whole(300, 4_000) : null,
      weather: [...duplicates(random), ...(random.chance(0.5) ? [badWeather(random)] : [])],
      action: null,
    };
  });
}

/** Many webhooks come again, under the same or a new delivery id, soon or late. */
function duplicates(random: Random): Weather[] {
  if (!random.chance(0.5)) return [];
  const afterMs = [
    random.whole(0, 2_000) * linearTimeScale,
    ...(random.chance(0.3) ? [random.whole(2_000, 10_000) * linearTimeScale] : []),
  ];
  return [{ at: 'linear', fault: { kind: 'duplicate', times: 1, afterMs, deliveryId: random.pick(['same', 'new']) } }];
}

function badWeather(random: Random): Weather {
  const lost = random.whole(1, 2);
  const linear = (fault: Weather['fault']): Weather => ({ at: 'linear', fault });
  const github = (fault: Weather['fault']): Weather => ({ at: 'github', fault });
  return random.pick<() => Weather>([
    () => linear({ kind: 'cut', field: 'agentActivityCreate', when: random.pick(['before', 'after']), times: lost }),
    () => linear({ kind: 'cut', field: random.pick(['issueUpdate', 'attachmentCreate', 'issue']), times: lost }),
    () =>
      linear({ kind: 'outage', ms: random.whole(300, 2_000), direction: random.pick(['in', 'both']), how: random.pick(['reset', '503']) }),
    () => linear({ kind: 'outage', ms: random.whole(300, 1_000), direction: 'in', how: 'refuse' }),
    () => linear({ kind: 'rate-limit', requests: random.whole(1, 4), retryAfterSeconds: 1, status: random.pick([400, 429]) }),
    () => linear({ kind: 'http-error', status: random.pick([500, 502, 503]), times: lost }),
    () => linear({ kind: 'latency', ms: random.whole(200, 1_500), times: random.whole(1, 5) }),
    () => github({ loseAnswer: { 'pulls.create': 1 } }),
    () => github({ loseAnswer: { 'git.push': 1 } }),
    () => github({ outageMs: random.whole(300, 2_000), outageKind: random.pick(['unavailable', 'disconnect']) }),
    () => github({ failNext: { count: lost, status: random.pick([500, 502, 503]) } }),
    () => github({ rateLimitNext: { count: lost, kind: random.pick(['primary', 'secondary']), retryAfterSeconds: 1 } }),
  ])();
}

/** Spread over the run; the kinds go round, so that a few kills already cover most of them. */
function planKills(random: Random, count: number, issues: number): PlannedKill[] {
  const kinds: KillKind[] = [];
  while (kinds.length < count) {
    const ends = random.shuffle(killKinds.filter((kind) => !kind.startsWith('freeze')));
    const freezes = random.shuffle(killKinds.filter((kind) => kind.startsWith('freeze')));
    kinds.push(...random.shuffle([...ends, ...freezes.slice(0, 1)]), ...freezes.slice(1));
  }
  return kinds.slice(0, count).map((kind, index) => ({
    kind,
    afterFinished: Math.floor((index * issues) / (count + 1)),
    delayMs: random.whole(200, 2_000),
    lastsMs: random.whole(1_000, 3_000),
    victim: random.next(),
  }));
}
