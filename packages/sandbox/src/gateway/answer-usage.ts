import { StringDecoder } from 'node:string_decoder';
import type { Instant } from 'cyrus-core/clock';
import { type ReportedUsage, readAnew } from './call-price.ts';

/** Reads along with an answer of the Messages API what it has used. */
export interface AnswerReader {
  add(chunk: Buffer): void;
  /** `certain`: it has said so itself, to its end; else it is what can be told from what came. Undefined: nothing can be told. */
  usage(): { readonly usage: ReportedUsage; readonly model: string | undefined; readonly certain: boolean } | undefined;
}

interface ApiUsage {
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cache_read_input_tokens?: number | null;
  readonly cache_creation_input_tokens?: number | null;
  readonly cache_creation?: { readonly ephemeral_1h_input_tokens?: number | null } | null;
  readonly server_tool_use?: { readonly web_search_requests?: number | null } | null;
}

interface ApiEvent {
  readonly type?: string;
  readonly message?: { readonly model?: string; readonly usage?: ApiUsage };
  readonly content_block?: Readonly<Record<string, unknown>>;
  readonly delta?: Readonly<Record<string, unknown>>;
  readonly usage?: ApiUsage;
}

const nothing: ReportedUsage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  longCacheWriteTokens: 0,
  webSearches: 0,
};

/** Later reports hold the whole count so far; what one leaves out stays. */
const joined = (before: ReportedUsage, said: ApiUsage): ReportedUsage => ({
  inputTokens: Math.max(before.inputTokens, said.input_tokens ?? 0),
  outputTokens: Math.max(before.outputTokens, said.output_tokens ?? 0),
  cacheReadTokens: Math.max(before.cacheReadTokens, said.cache_read_input_tokens ?? 0),
  cacheWriteTokens: Math.max(before.cacheWriteTokens, said.cache_creation_input_tokens ?? 0),
  longCacheWriteTokens: Math.max(before.longCacheWriteTokens, said.cache_creation?.ephemeral_1h_input_tokens ?? 0),
  webSearches: Math.max(before.webSearches, said.server_tool_use?.web_search_requests ?? 0),
});

/** Faster than any model writes that is served at the list price, in tokens a second. */
const fastest = 200;

/** What can have been written in that time at most. */
export const writtenIn = (ms: number): number => Math.ceil((Math.max(0, ms) / 1000) * fastest);

/**
 * Of a stream of events. What was streamed of an answer that broke off is counted generously: two bytes a token. Of a thought that was under way,
 * and is shown shortened or not at all, nobody knows more than how long it took: it counts as the fastest model would have filled that time.
 */
export function streamReader(now: () => Instant, maxTokens: number): AnswerReader {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let usage: ReportedUsage | undefined;
  let model: string | undefined;
  let final = false;
  let bytes = 0;
  let searches = 0;
  /** The thought that is under way: since when, and its bytes so far. */
  let thought: { readonly since: Instant; bytes: number } | undefined;

  function onEvent({ type, message, content_block: block, delta, usage: said }: ApiEvent): void {
    if (type === 'message_start') {
      usage = joined(usage ?? nothing, message?.usage ?? {});
      model = message?.model;
    } else if (type === 'content_block_start') {
      if (block?.['type'] === 'thinking') thought = { since: now(), bytes: 0 };
      if (block?.['type'] === 'redacted_thinking') bytes += Buffer.byteLength(String(block['data'] ?? ''));
      if (block?.['type'] === 'server_tool_use' && block['name'] === 'web_search') searches++;
    } else if (type === 'content_block_delta') {
      // Of a thought that is over, the signature holds the whole.
      for (const name of ['text', 'thinking', 'signature', 'partial_json']) {
        const part = delta?.[name];
        if (typeof part !== 'string') continue;
        if (thought) thought.bytes += Buffer.byteLength(part);
        else bytes += Buffer.byteLength(part);
      }
    } else if (type === 'content_block_stop') {
      bytes += thought?.bytes ?? 0;
      thought = undefined;
    } else if (type === 'message_delta' && said) {
      usage = joined(usage ?? nothing, said);
      final = true;
    }
  }

  function written(): number {
    const unfinished = thought === undefined ? 0 : Math.max(thought.bytes / 2, writtenIn(now() - thought.since));
    return Math.min(maxTokens, Math.ceil(bytes / 2 + unfinished));
  }

  return {
    add(chunk) {
      rest += decoder.write(chunk);
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        if (!line.startsWith('data:')) continue;
        try {
          onEvent(JSON.parse(line.slice(5)) as ApiEvent);
        } catch {
          // What is no event says nothing of the usage.
        }
      }
    },
    usage() {
      if (usage === undefined) return undefined;
      if (final) return { usage, model, certain: true };
      const outputTokens = Math.max(usage.outputTokens, written());
      const webSearches = Math.max(usage.webSearches, searches);
      // Its beginning has told of the first reading alone.
      const read = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
      const inputTokens = usage.inputTokens + readAnew(webSearches, read);
      return { usage: { ...usage, inputTokens, outputTokens, webSearches }, model, certain: false };
    },
  };
}

/** Of an answer in one piece. */
export function jsonReader(): AnswerReader {
  const chunks: Buffer[] = [];
  return {
    add: (chunk) => void chunks.push(chunk),
    usage() {
      try {
        const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { readonly usage?: ApiUsage; readonly model?: string };
        return body.usage === undefined ? undefined : { usage: joined(nothing, body.usage), model: body.model, certain: true };
      } catch {
        return undefined;
      }
    },
  };
}
