import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallUsage } from 'cyrus-core/ports/ledger';
import { type AnswerReader, jsonReader, streamReader, writtenIn } from './answer-usage.ts';
import { refuse } from './api-error.ts';
import { costOf, worstCase } from './call-price.ts';
import type { DoorRules, Shared } from './gateway.ts';
import { type Mistake, type ModelRequest, readModelRequest, readRequest, withMaxTokens } from './model-request.ts';
import { reserve } from './reserve.ts';
import { neverConnected, passedOn, statusOf } from './upstream.ts';

/** A request that came in, read to its end. */
export interface Incoming {
  readonly attemptId: string;
  /** With its query. */
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  /** Calls of the same attempt that are answered and not yet settled. */
  readonly settling: Set<Promise<void>>;
  readonly rules: DoorRules;
}

/** Longer than any pause of a provider that is still at it. */
const silenceMs = 15 * 60_000;
const settleAgainMs = 500;

/** How an exchange with the provider went. */
interface Exchange {
  readonly status: number;
  /** Undefined: it came through to its end. */
  readonly broken?: unknown;
}

/** Forwards one call of the model: written down before, settled after. Resolves when that is done. */
export async function forwardCall(shared: Shared, incoming: Incoming): Promise<void> {
  const { attemptId, response, body, settling, rules } = incoming;
  const began = shared.clock.now();
  const wanted = readModelRequest(body.toString('utf8'), rules);
  if ('mistake' in wanted) return refuseMistake(incoming, wanted);
  const { model } = wanted;
  if (!rules.unpriced && worstCase(shared.prices.price, wanted, 1, 1) === null) return refuseMistake(incoming, unpriced(model));
  if (refuseLimited(shared, model, response)) return;

  const gone = goneWith(response);
  const callId = shared.ids.next();
  const count = (): Promise<number | undefined> => countTokens(shared, incoming, wanted.body);
  const settled = async (): Promise<void> => void (await Promise.all(settling));
  const reserved = await reserve({ ...shared, ...shared.prices, signal: gone, count, settled }, wanted, { callId, attemptId });
  if ('refusal' in reserved) {
    shared.log?.({ attemptId, model, status: reserved.refusal.status, durationMs: shared.clock.now() - began, cost: 0 });
    return refuse(response, reserved.refusal);
  }
  if (gone.aborted) return settle(shared, callId, null);

  const sent = reserved.maxTokens === wanted.maxTokens ? body : Buffer.from(withMaxTokens(wanted, reserved.maxTokens));
  const reader = wanted.stream ? streamReader(shared.clock.now, reserved.maxTokens) : jsonReader();
  const sentAt = shared.clock.now();
  const end = await exchange(shared, { ...incoming, body: sent }, reader, gone);
  if (end.status === 429 || end.status === 529) {
    const until = shared.limits.note(model, end.status, end.retryAfter);
    shared.limited?.({ model, status: end.status, until });
  }
  const free = end.status >= 400 || (end.status === 0 && neverConnected(end.broken));
  const ended = end.broken === undefined && !gone.aborted;
  const unheard = (): CallUsage =>
    unanswered(shared, wanted, wanted.stream ? 0 : Math.min(reserved.maxTokens, writtenIn(shared.clock.now() - sentAt)));
  // An answer that came to its end and said nothing of its usage keeps what was written down.
  const used = free ? null : (usageOf(shared, model, reader) ?? (ended ? undefined : unheard()));
  const cost = used === null ? 0 : (used?.cost ?? null);
  if (used !== undefined) {
    const settles = settle(shared, callId, used);
    settling.add(settles);
    await settles.finally(() => settling.delete(settles));
  }
  shared.log?.({
    ...{ attemptId, model, status: end.status, durationMs: shared.clock.now() - began, cost },
    ...(end.broken === undefined ? {} : { broken: codeOf(end.broken) }),
  });
}

/** Forwards a count of tokens, which costs nothing. */
export async function forwardCount(shared: Shared, incoming: Incoming): Promise<void> {
  const read = readRequest(incoming.body.toString('utf8'), incoming.rules);
  if ('mistake' in read) return refuseMistake(incoming, read);
  await exchange(shared, incoming, undefined, goneWith(incoming.response));
}

/** Refuses a request that cannot be passed on. Asking again changes nothing. */
function refuseMistake({ response, rules }: Incoming, { mistake, what }: Mistake): void {
  if (what !== undefined) rules.refused?.({ what, message: mistake });
  refuse(response, { status: 400, type: 'invalid_request_error', message: mistake, retry: false });
}

const unpriced = (model: string): Mistake => ({
  what: `the model ${model}`,
  mistake: `The model ${model} has no known price, so that no budget can hold it, and it is not called. Say what it costs with claude.prices in the configuration of Cyrus (0 where it is free), or choose another model.`,
});

/** Answers in the provider's place while it has said not to be asked. */
function refuseLimited({ limits, clock }: Shared, model: string, response: ServerResponse): boolean {
  const until = limits.until(model);
  if (until === undefined) return false;
  const retryAfterS = Math.max(1, Math.ceil((until - clock.now()) / 1000));
  refuse(response, { status: 429, type: 'rate_limit_error', message: 'The provider limits the rate of calls of this model.', retryAfterS });
  return true;
}

/** Aborts when the client has left before its answer was complete. */
function goneWith(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** Sends a request on and its answer back, as it comes. Never rejects. */
function exchange(
  shared: Shared,
  { path, request, response, body }: Incoming,
  reader: AnswerReader | undefined,
  gone: AbortSignal,
): Promise<Exchange & { readonly retryAfter?: string }> {
  return new Promise((resolve) => {
    let status = 0;
    let retryAfter: string | undefined;
    const finish = (broken?: unknown): void =>
      resolve({ status, ...(retryAfter === undefined ? {} : { retryAfter }), ...(broken === undefined ? {} : { broken }) });
    const upstream = shared.upstream.request(path, request.headers, body, (answer) => {
      status = statusOf(answer);
      retryAfter = answer.headers['retry-after'];
      response.writeHead(status, passedOn(answer.headers));
      response.flushHeaders();
      answer.on('data', (chunk: Buffer) => {
        reader?.add(chunk);
        if (!response.write(chunk) && !response.destroyed) {
          answer.pause();
          response.once('drain', () => answer.resume());
        }
      });
      answer.once('end', () => {
        response.end();
        finish();
      });
      answer.once('error', (error) => {
        response.destroy();
        finish(error);
      });
    });
    upstream.setTimeout(silenceMs, () => upstream.destroy(new Error('the provider is silent')));
    upstream.on('error', (error) => {
      if (status === 0 && !gone.aborted) {
        // Not where it is: an address may hold more than is for an agent to know.
        const message = `The model API cannot be reached from Cyrus: ${codeOf(error)}. Its address is claude.apiUrl in the configuration.`;
        refuse(response, { status: 502, type: 'api_error', message });
      } else response.destroy();
      finish(error);
    });
    const stop = (): void => void upstream.destroy(new Error('the agent has left'));
    if (gone.aborted) stop();
    else gone.addEventListener('abort', stop, { once: true });
  });
}

function usageOf({ prices }: Shared, asked: string, reader: AnswerReader): CallUsage | undefined {
  const read = reader.usage();
  if (read === undefined) return undefined;
  const { longCacheWriteTokens: _, webSearches: __, ...tokens } = read.usage;
  const named = read.model === undefined ? null : costOf(prices.price, read.model, read.usage);
  // By the name that was held to the budget: what a server of one's own calls itself may have another price.
  const cost = costOf(prices.price, asked, read.usage) ?? named;
  return { model: named === null ? asked : (read.model ?? asked), ...tokens, cost, prices: prices.name };
}

/**
 * What a call counts of which no word came: its input, at about three bytes a token, and what may have been written. An answer that streams begins
 * with a word, so none was begun; one in one piece comes when all is written. With the whole worst case an outage of a minute would use a budget up.
 */
function unanswered({ prices }: Shared, { model, inputTokens }: ModelRequest, outputTokens: number): CallUsage {
  const tokens = { inputTokens: Math.ceil(inputTokens / 3), outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const cost = costOf(prices.price, model, { ...tokens, longCacheWriteTokens: 0, webSearches: 0 });
  return { model, ...tokens, cost, prices: prices.name };
}

/** Until it is written down; the ledger may be away for a while. */
async function settle({ ledger, clock }: Shared, callId: string, usage: CallUsage | null): Promise<void> {
  for (let time = 0; time < 240; time++) {
    try {
      return await ledger.settle(callId, usage);
    } catch {
      await clock.sleep(settleAgainMs);
    }
  }
}

/** What the provider counts the input of a request to be. Undefined: it does not say. */
function countTokens(shared: Shared, { request }: Incoming, body: Readonly<Record<string, unknown>>): Promise<number | undefined> {
  const fields = ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking'];
  const asked = Object.fromEntries(fields.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])));
  return new Promise((resolve) => {
    const sent = shared.upstream.request('/v1/messages/count_tokens', request.headers, Buffer.from(JSON.stringify(asked)), (answer) => {
      const reader = [] as Buffer[];
      answer.on('data', (chunk: Buffer) => void reader.push(chunk));
      answer.once('error', () => resolve(undefined));
      answer.once('end', () => {
        try {
          const { input_tokens: tokens } = JSON.parse(Buffer.concat(reader).toString('utf8')) as { readonly input_tokens?: unknown };
          resolve(answer.statusCode === 200 && typeof tokens === 'number' ? tokens : undefined);
        } catch {
          resolve(undefined);
        }
      });
    });
    sent.setTimeout(10_000, () => sent.destroy(new Error('no answer')));
    sent.on('error', () => resolve(undefined));
  });
}

/** Of an error, what holds nothing of the exchange. */
const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'the connection broke off';
