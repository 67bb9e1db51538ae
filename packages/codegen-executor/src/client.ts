import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import type { Limiter, RateLimit } from 'cyrus-executor-interface/limiter';
import type { z } from 'zod';
import { classifyRefusal, discontinued, unreachable } from './failures.ts';
import {
  type CodegenLogs,
  type CodegenOrganisation,
  type CodegenPage,
  type CodegenRepository,
  type CodegenRun,
  type CodegenUser,
  logsShape,
  nothingShape,
  organisationsShape,
  repositoriesShape,
  runShape,
  runsShape,
  userShape,
} from './payload.ts';

/** A call that failed. `status` 0: there was no answer, or the call was not made. */
export interface CallFailure {
  readonly status: number;
  readonly failure: Failure;
}

type Answered<T> = Promise<Result<T, CallFailure>>;

/** `CreateAgentRunInput`, as far as it is used. */
export interface NewRun {
  readonly prompt: string;
  /** Data URIs in base64. */
  readonly images?: readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly repo_id?: number;
  readonly model?: string;
}

/** The calls of one organisation with one token. Every call holds the service's limits, and says when it cannot be made within a short wait. */
export interface CodegenClient {
  readonly baseUrl: string;
  me(): Answered<CodegenUser>;
  organisations(): Answered<CodegenPage<CodegenOrganisation>>;
  repositories(skip: number): Answered<CodegenPage<CodegenRepository>>;
  createRun(run: NewRun): Answered<CodegenRun>;
  getRun(id: number): Answered<CodegenRun>;
  /** Newest first; `pageSize` of them. */
  listRuns(skip: number): Answered<CodegenPage<CodegenRun>>;
  resumeRun(id: number, prompt: string, images: readonly string[]): Answered<CodegenRun>;
  /** Takes the service's hands off the pull request of a run, which stops every run of it. */
  removeFromPullRequest(id: number): Answered<unknown>;
  /** Oldest first. `patient`: waits for its turn, however long. */
  logs(id: number, skip: number, options: { readonly patient: boolean }): Answered<CodegenLogs>;
}

export interface CodegenClientOptions {
  readonly baseUrl: string;
  readonly orgId: number | string;
  readonly apiToken: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limiter: Limiter;
  readonly fetch?: typeof globalThis.fetch;
  /** For one call, its body included. */
  readonly timeoutMs: number;
}

/** The most that a page may hold. */
export const pageSize = 100;

const create: RateLimit = { bucket: 'create', limit: 10, perMs: 60_000 };
const read: RateLimit = { bucket: 'read', limit: 60, perMs: 30_000 };
const logsRate: RateLimit = { bucket: 'logs', limit: 60, perMs: 60_000 };

/** A longer wait is the caller's to plan. */
const longestWaitMs = 10_000;

interface Call<T> {
  readonly doing: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  /** Absent: the description states no limit. */
  readonly rate?: RateLimit;
  readonly shape: z.ZodType<T>;
  /** What a 5xx or a lost answer leaves open. */
  readonly changes?: boolean;
  readonly patient?: boolean;
}

export function createCodegenClient(options: CodegenClientOptions): CodegenClient {
  const { clock, limiter, random } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  const fetch = options.fetch ?? globalThis.fetch;
  const credential = `codegen:${options.orgId}`;
  const ofOrg = `/v1/organizations/${options.orgId}`;
  const run = `${ofOrg}/agent/run`;

  /** Where what counts the calls cannot be asked, none is made: others may be making them. */
  async function waitFor(rate: RateLimit): Promise<number | CallFailure> {
    try {
      return await limiter.take(credential, rate);
    } catch (error) {
      const message = `How many calls Codegen still allows is not known: ${error instanceof Error ? error.message : String(error)}`;
      return { status: 0, failure: { class: 'network', message, fix: 'Nothing: it goes on once the database is back.' } };
    }
  }

  /** Waits for a turn, or says when there will be one. */
  async function turn(rate: RateLimit, doing: string, patient: boolean): Promise<CallFailure | undefined> {
    for (const began = clock.now(); ; ) {
      const waitMs = await waitFor(rate);
      if (typeof waitMs !== 'number') return waitMs;
      if (waitMs === 0) return undefined;
      const until = clock.now() + waitMs;
      if (!patient && until - began > longestWaitMs) {
        const message = `Codegen allows ${rate.limit} calls of this kind per ${rate.perMs / 1000} s, and they are used up while ${doing}.`;
        return { status: 0, failure: { class: 'rate_limited', message, fix: 'Nothing: it goes on by itself.', retryAt: until } };
      }
      await clock.sleep(Math.ceil(waitMs * (1 + random() / 10)));
    }
  }

  const mistake = orgMistake(options.orgId);

  async function call<T>({ doing, method, path, body, rate, shape, changes = false, patient = false }: Call<T>): Answered<T> {
    if (mistake) return err({ status: 0, failure: mistake });
    const late = rate && (await turn(rate, doing, patient));
    if (late) return err(late);
    const about = { doing, baseUrl, changes };
    const timeout = new AbortController();
    const done = new AbortController();
    const { timeoutMs } = options;
    void clock.sleep(timeoutMs, done.signal).then(() => timeout.abort(new Error(`no answer within ${timeoutMs / 1000} s`)));
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${baseUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${options.apiToken}`,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // A redirect would carry the token to somebody else, or a page in place of an answer.
        redirect: 'manual',
        signal: timeout.signal,
      });
      text = await response.text();
    } catch (error) {
      return err({ status: 0, failure: unreachable(error, about) });
    } finally {
      done.abort();
    }
    const { status, headers } = response;
    const value = jsonOf(text);
    if (status >= 300 && status < 400) return err({ status, failure: discontinued(baseUrl, `it leads to ${headers.get('location')}`) });
    if (!response.ok) {
      const failure = classifyRefusal({ status, headers, body: value }, { ...about, now: clock.now() });
      // Who cannot write that down meets the limit again, and is told again.
      if (failure.retryAt !== undefined) await limiter.holdBack(credential, failure.retryAt, rate?.bucket).catch(() => undefined);
      return err({ status, failure });
    }
    if (value === undefined && /^\s*</.test(text)) return err({ status, failure: discontinued(baseUrl, 'a web page is there') });
    const parsed = shape.safeParse(value);
    if (parsed.success) return ok(parsed.data);
    const what =
      value === undefined
        ? 'the answer broke off'
        : `the answer is not as described (${parsed.error.issues[0]?.path.join('.') || 'whole'})`;
    return err({ status, failure: unreachable(new Error(what), about) });
  }

  const paging = (skip: number): string => `?skip=${skip}&limit=${pageSize}`;
  return {
    baseUrl,
    me: () => call({ doing: 'asking who the token belongs to', method: 'GET', path: '/v1/users/me', rate: read, shape: userShape }),
    organisations: () =>
      call({ doing: 'listing organisations', method: 'GET', path: `/v1/organizations${paging(0)}`, rate: read, shape: organisationsShape }),
    repositories: (skip) =>
      call({ doing: 'listing repositories', method: 'GET', path: `${ofOrg}/repos${paging(skip)}`, rate: read, shape: repositoriesShape }),
    createRun: (body) => call({ doing: 'starting a run', method: 'POST', path: run, body, rate: create, shape: runShape, changes: true }),
    getRun: (id) => call({ doing: `reading run ${id}`, method: 'GET', path: `${run}/${id}`, rate: read, shape: runShape }),
    listRuns: (skip) =>
      call({ doing: 'listing runs', method: 'GET', path: `${ofOrg}/agent/runs${paging(skip)}`, rate: read, shape: runsShape }),
    resumeRun: (id, prompt, images) =>
      call({
        doing: `going on with run ${id}`,
        method: 'POST',
        path: `${run}/resume`,
        body: { agent_run_id: id, prompt, ...(images.length > 0 ? { images } : {}) },
        shape: runShape,
        changes: true,
      }),
    removeFromPullRequest: (id) =>
      call({
        doing: `stopping run ${id}`,
        method: 'POST',
        path: `${run}/remove-from-pr`,
        body: { agent_run_id: id },
        shape: nothingShape,
        changes: true,
      }),
    logs: (id, skip, { patient }) =>
      call({
        doing: `reading the log of run ${id}`,
        method: 'GET',
        path: `/v1/alpha/organizations/${options.orgId}/agent/run/${id}/logs${paging(skip)}`,
        rate: logsRate,
        shape: logsShape,
        patient,
      }),
  };
}

function orgMistake(orgId: number | string): Failure | undefined {
  if (/^\d+$/.test(String(orgId))) return undefined;
  return {
    class: 'auth',
    message: `The Codegen organisation is ${JSON.stringify(orgId)}, but Codegen knows organisations by a whole number.`,
    fix: 'Set CODEGEN_ORG_ID (or codegen.orgId) to the number; `cyrus codegen setup` lists those of the token.',
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
