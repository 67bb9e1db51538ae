import type { Instant } from 'cyrus-core/clock';

/** `Queued: 3 ahead; 2 agents run at once on this machine.` `what`: what there is too little of; `number`: of the attempt. */
export const queuedWords = (ahead: number, what: string, number: number): string =>
  `${number > 1 ? `Queued for attempt ${number}` : 'Queued'}: ${ahead === 0 ? 'next' : `${ahead} ahead`}; ${what}.`;

/** The key of a reason that is to be told anew, because somebody has written to work that waits. */
export const toldAnew = 'told anew';

/** Why a task waits, as it was last told. */
export interface ToldWaiting {
  readonly key: string;
  /** How many are ahead of it in a queue; null: it is in none. */
  readonly ahead: number | null;
  readonly at: Instant;
}

/** A place in a queue is told again at most this often. */
const apartMs = 60_000;

/** `at`: when to look again; null: no need to. */
export type TellWaiting = { readonly tell: true } | { readonly tell: false; readonly at: Instant | null };

/** Whether to tell why a task waits: another reason at once, another place in the queue when it is much nearer, now and then. */
export function tellWaiting(told: ToldWaiting | null, next: Pick<ToldWaiting, 'key' | 'ahead'>, now: Instant): TellWaiting {
  // A place in the queue is no news to who has just been told that the message is kept.
  if (told?.key === toldAnew && next.ahead !== null && told.at <= now && now < told.at + apartMs)
    return { tell: false, at: told.at + apartMs };
  if (told === null || told.key !== next.key) return { tell: true };
  if (told.ahead === null || next.ahead === null || band(told.ahead) === band(next.ahead)) return { tell: false, at: null };
  // A clock that was set back does not make it wait longer.
  const at = told.at > now ? now : told.at + apartMs;
  return at <= now ? { tell: true } : { tell: false, at };
}

/** Close to the front each place counts; far from it, only half the way. */
const band = (ahead: number): number => (ahead <= 3 ? ahead : 3 + Math.floor(Math.log2(ahead)));
