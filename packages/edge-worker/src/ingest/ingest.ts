import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Ids } from 'cyrus-core/ids';
import { parseEvent } from 'cyrus-github/events';
import { verifyWebhook as verifyGithub } from 'cyrus-github/webhook';
import type { Finding } from 'cyrus-linear/read-sessions';
import { verifyWebhook } from 'cyrus-linear/webhook';
import type { Log } from 'cyrus-store/log';
import type { Database, Tx } from 'cyrus-store/pool';
import type { Arrival } from 'cyrus-store/queries/inbox-insert';
import { lookAtChecksNow } from 'cyrus-store/queries/outbound-look-now';
import { tellPullRequest } from 'cyrus-store/queries/pull-request-tell';
import { mayDo } from 'cyrus-task-orchestrator/access';
import { accessRules, stopsPerRepository } from '../advance/access-rules.ts';
import { type Accepted, accept, type Request } from './accept.ts';
import type { Placed, StopPolicy } from './accept-message.ts';
import { type CliSaying, type CliTask, sayArrival, submitArrival } from './cli-request.ts';
import { eventName, keyOf, maySign, requestOf, webhookSecrets } from './linear-request.ts';
import { createRefusals } from './refusals.ts';
import { storable } from './storable-json.ts';

/** Linear hangs up after five seconds and comes back later: better to ask it to than to be cut off. */
const answerWithinMs = 4_000;

/** Called after a commit, in this process; whoever is elsewhere hears by NOTIFY or polls. */
export interface IngestHooks {
  wakeBroker(credential: string): void;
  stopPlan(planId: string): void;
  wakeEngine(): void;
  /** A webhook was turned away: Linear repeats it after a minute, an hour and six, and then no more. */
  notStored?(): void;
  /** A workspace removed our app: its tokens are dead. */
  forgetTokens?(workspace: string): void;
  /** What the GitHub App may reach has changed. */
  githubAccessChanged?(account: string, action: string): void;
}

export interface IngestOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The configuration as it is now. */
  readonly config: () => Config;
  readonly hooks: IngestHooks;
  readonly log: Log;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The one door by which work comes in. What it has answered 200 to is stored. */
export interface Ingest {
  /** A delivery of Linear's; `rawBody` exactly as received. 200: stored, seen before, or of no interest. 503: come again. */
  linear(rawBody: Buffer, headers: IncomingHttpHeaders): Promise<HttpAnswer>;
  /** A delivery of GitHub's: verified and stored; plans hear of the end of their pull requests, and look at checks that ended. */
  github(rawBody: Buffer, headers: IncomingHttpHeaders): Promise<HttpAnswer>;
  /** A task from a terminal. The same `sessionId` again changes nothing. */
  submit(task: CliTask): Promise<Placed | null>;
  /**
   * A message, or with `signal: 'stop'` a stop, from a terminal to any session. Resolves with null when `saying.id` was seen before.
   * @throws Error when there is no such session
   */
  say(sessionId: string, saying: CliSaying): Promise<Placed | null>;
  /**
   * What Linear was found to have told without a webhook that came, in the order in which it happened; in one transaction, under
   * the keys that those webhooks have. Resolves with how much of it was new.
   */
  found(findings: readonly Finding[]): Promise<number>;
}

export function createIngest(options: IngestOptions): Ingest {
  const { db, clock, ids, log, hooks } = options;
  const refusals = createRefusals({ db, clock, log });

  const policy: StopPolicy = {
    get perRepository() {
      return stopsPerRepository(options.config());
    },
    mayStop: (sender, repositoryId) => mayDo(accessRules(options.config(), repositoryId), sender, 'stop'),
  };

  async function take(arrival: Arrival, request: Request, besides?: (tx: Tx) => Promise<void>): Promise<Accepted> {
    const accepted = await db.tx(async (tx) => {
      const taken = await accept(tx, arrival, request, policy);
      if (taken.outcome !== 'duplicate') await besides?.(tx);
      return taken;
    });
    if (accepted.outcome === 'accepted') tell(accepted);
    if (accepted.outcome === 'accepted' && request.kind === 'revoked') hooks.forgetTokens?.(request.workspace);
    return accepted;
  }

  function tell(accepted: Extract<Accepted, { outcome: 'accepted' }>): void {
    try {
      for (const credential of accepted.credentials) hooks.wakeBroker(credential);
      for (const { stopPlanId } of accepted.placed) if (stopPlanId !== null) hooks.stopPlan(stopPlanId);
      if (accepted.placed.length > 0) hooks.wakeEngine();
    } catch (error) {
      log.error({ error: String(error) }, 'a hook of ingest threw; the loops see the rows at their next poll');
    }
  }

  async function store(arrival: Arrival, request: Request, besides?: (tx: Tx) => Promise<void>): Promise<HttpAnswer> {
    const taken = take(arrival, request, besides).then(
      (accepted): HttpAnswer => ({ status: 200, body: answerBody(accepted) }),
      (error): HttpAnswer => {
        log.error({ event: arrival.event, eventKey: arrival.eventKey, error: String(error) }, 'a webhook could not be stored');
        hooks.notStored?.();
        return { status: 503, body: { error: 'not stored; send it again' } };
      },
    );
    const done = new AbortController();
    const late = clock
      .sleep(answerWithinMs, done.signal)
      .then((): HttpAnswer => ({ status: 503, body: { error: 'too slow; send it again' } }));
    try {
      return await Promise.race([taken, late]);
    } finally {
      done.abort();
    }
  }

  return {
    async linear(rawBody, headers) {
      const secrets = webhookSecrets(options.config());
      const verdict = verifyWebhook({ rawBody, header: (name) => single(headers[name]) }, { secrets, clock });
      const refused = (status: number, reason: string): HttpAnswer => {
        refusals.note('linear', reason);
        return { status, body: { error: reason } };
      };
      if (!verdict.accepted) return refused(verdict.status, verdict.reason);
      const { event } = verdict;
      if (!maySign(secrets, verdict.secretId, event)) return refused(401, 'signature_wrong');
      const request = requestOf(event, options.config());
      const body = storedBody(request, verdict);
      const arrival: Arrival = {
        source: 'linear',
        bodySha256: verdict.bodySha256,
        deliveryId: verdict.deliveryId ?? null,
        eventKey: keyOf(event),
        event: eventName(event),
        body: toStorableText(body),
      };
      return store(arrival, request);
    },

    async github(rawBody, headers) {
      const secret = options.config().github.webhookSecret;
      if (secret === undefined) return { status: 401, body: { error: 'no_secret_configured' } };
      const verdict = verifyGithub({ rawBody, headers }, secret);
      if (!verdict.ok) {
        const { reason, message } = verdict.error;
        refusals.note('github', reason);
        return { status: reason.startsWith('signature') ? 401 : 400, body: { error: reason, message } };
      }
      const { event: name, deliveryId, payload } = verdict.value;
      const arrival: Arrival = {
        source: 'github',
        bodySha256: createHash('sha256').update(rawBody).digest('hex'),
        deliveryId,
        eventKey: null,
        event: name,
        body: toStorableText(payload),
      };
      const event = parseEvent({ event: name, payload });
      let waited = false;
      const answer = await store(arrival, { kind: 'ignored', reason: 'stored' }, async (tx) => {
        if (event?.type === 'pull_request_closed') await tellPullRequest(tx, event.url, event.merged ? 'merged' : 'closed');
        if (event?.type === 'checks_completed') waited = await lookAtChecksNow(tx, event.sha);
      });
      if (waited) hooks.wakeBroker('github');
      if (event?.type === 'access_changed') hooks.githubAccessChanged?.(event.account, event.action);
      return answer;
    },

    async submit(task) {
      const { arrival, request } = submitArrival(task);
      return first(await take(arrival, request));
    },

    async say(sessionId, saying) {
      const { arrival, request } = sayArrival(sessionId, saying, saying.id ?? ids.next());
      return first(await take(arrival, request));
    },

    async found(findings) {
      const taken = findings.map(({ event, body }): { arrival: Arrival; request: Request } => {
        const key = keyOf(event);
        if (key === null) throw new Error(`${event.type} has no key by which its webhook would be known again`);
        const bodySha256 = createHash('sha256').update(`found:${key}`).digest('hex');
        const text = toStorableText({ ...body, foundBy: 'reconciler' });
        return {
          arrival: { source: 'linear', bodySha256, deliveryId: null, eventKey: key, event: eventName(event), body: text },
          request: requestOf(event, options.config()),
        };
      });
      const all = await db.tx(async (tx) => {
        const done: Accepted[] = [];
        for (const { arrival, request } of taken) done.push(await accept(tx, arrival, request, policy));
        return done;
      });
      const accepted = all.filter((each) => each.outcome === 'accepted');
      for (const each of accepted) tell(each);
      return accepted.length;
    },
  };
}

function first(accepted: Accepted): Placed | null {
  return accepted.outcome === 'accepted' ? (accepted.placed[0] ?? null) : null;
}

/** What an event tells beyond what we read of it is kept where it may be asked for again; events about every issue there is are many. */
function storedBody(request: Request, { event, body }: Extract<ReturnType<typeof verifyWebhook>, { accepted: true }>): unknown {
  if (request.kind === 'ignored') return { ignored: request.reason, event };
  return request.kind === 'issue-updated' ? { event } : body;
}

function answerBody(accepted: Accepted): Readonly<Record<string, unknown>> {
  return accepted.outcome === 'ignored' ? { outcome: 'ignored', reason: accepted.reason } : { outcome: accepted.outcome };
}

function toStorableText(body: unknown): string {
  const text = JSON.stringify(body);
  const clean = storable(body, text);
  return clean === body ? text : JSON.stringify(clean);
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
