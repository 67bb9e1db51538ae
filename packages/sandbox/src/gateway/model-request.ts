import { type Fields, isBuiltIn, isSearch, listOf, notPassed, type RequestRules } from './request-rules.ts';
import { longestWritten } from './text-size.ts';

/** What of a request to the model decides on its price. */
export interface ModelRequest {
  readonly model: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  /** More tokens than this it cannot have, before anything is searched for. */
  readonly inputTokens: number;
  /** Some of it may be kept in the cache for an hour, which costs more. */
  readonly longCache: boolean;
  /** Searches of the web, which are paid for one by one. */
  readonly webSearches: number;
  /** The whole body, parsed. */
  readonly body: Fields;
}

/** Of a request that is not passed on: for its client, and what of it was not known. */
export interface Mistake {
  readonly mistake: string;
  readonly what?: string;
}

/** What a picture has at most, with the largest that models look at. */
const pictureTokens = 5_000;
/** No model takes more. It stands for what a request holds packed: pages of a PDF may share what they show. */
const longestContext = 1_000_000;
/** The instructions that come with tools: at most 804 are published for any model, 1,234 beside for a tool of the provider's own making. */
const toolsTokens = 1_500;
const builtInTokens = 1_500;
const searchesAssumed = 10;
/** It is shown and stored, and some put it into an address. */
const modelName = /^(?!.*\.\.)[\w.:@/[\]-]{1,200}$/;

/** Reads any request that the provider is to get: as JSON, and as one of which all is known to be harmless. */
export function readRequest(text: string, rules: RequestRules): { readonly body: Fields; readonly rewritten: string } | Mistake {
  let body: Fields;
  try {
    body = JSON.parse(text) as Fields;
  } catch {
    return { mistake: 'The request is not JSON.' };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return { mistake: 'The request is not a JSON object.' };
  const rewritten = JSON.stringify(body);
  // Nothing is there twice where nothing is lost.
  const twice = rewritten === text ? undefined : doubledKey(text);
  if (twice !== undefined) return { mistake: `"${twice}" stands there twice.` };
  const refused = notPassed(body, rules);
  return refused === undefined ? { body, rewritten } : { mistake: refused.message, what: refused.what };
}

/**
 * Reads a request to `/v1/messages`.
 * @returns what is wrong with it, for the client, where it cannot be priced
 */
export function readModelRequest(text: string, rules: RequestRules): ModelRequest | Mistake {
  const read = readRequest(text, rules);
  if ('mistake' in read) return read;
  const { body, rewritten } = read;
  const { model, max_tokens: maxTokens, stream } = body;
  if (typeof model !== 'string' || !modelName.test(model)) return { mistake: 'model: the name of a model is required.' };
  if (!Number.isSafeInteger(maxTokens) || Number(maxTokens) < 1) return { mistake: 'max_tokens: a positive integer is required.' };
  const tools = listOf(body['tools']);
  const searches = tools.filter(isSearch);
  return {
    model,
    maxTokens: Number(maxTokens),
    stream: stream === true,
    inputTokens: inputTokens(text, read, tools),
    // As it is meant, not as it is spelled.
    longCache: /"ttl"\s*:\s*"1h"/.test(rewritten),
    webSearches: searches.reduce((sum, { max_uses: most }) => sum + (isCount(most) ? most : searchesAssumed), 0),
    body,
  };
}

/**
 * More tokens than this the input cannot have. A token is at least one byte of text, as tokenizers see it. What the provider adds of its own, and
 * what is not text, is counted apart.
 */
function inputTokens(
  text: string,
  { body, rewritten }: { readonly body: Fields; readonly rewritten: string },
  tools: readonly Fields[],
): number {
  const written = Math.max(Buffer.byteLength(text), longestWritten(rewritten));
  const instructions = (tools.length > 0 ? toolsTokens : 0) + tools.filter(isBuiltIn).length * builtInTokens;
  const { pictures, packed } = elsewhere(body['messages']);
  return written + instructions + pictures * pictureTokens + (packed ? longestContext : 0);
}

/** The request with another `max_tokens`; room for thinking goes down with it. */
export function withMaxTokens({ body }: ModelRequest, maxTokens: number): string {
  const thinking = body['thinking'] as Fields | undefined;
  const budget = Number(thinking?.['budget_tokens']);
  if (thinking === undefined || !Number.isFinite(budget) || budget < maxTokens) return JSON.stringify({ ...body, max_tokens: maxTokens });
  const least = 1_024;
  const smaller = maxTokens > least ? { ...thinking, budget_tokens: Math.max(least, Math.floor(maxTokens / 2)) } : { type: 'disabled' };
  return JSON.stringify({ ...body, max_tokens: maxTokens, thinking: smaller });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** What a request holds that is not text. */
function elsewhere(value: unknown): { readonly pictures: number; readonly packed: boolean } {
  let pictures = 0;
  let packed = false;
  for (const block of listOf(value)) {
    const source = block['source'] as Fields | undefined;
    if (block['type'] === 'image') pictures++;
    else if (block['type'] === 'document' && source?.['type'] === 'base64') packed = true;
    for (const inner of [block['content'], source?.['content']]) {
      const found = elsewhere(inner);
      pictures += found.pictures;
      packed ||= found.packed;
    }
  }
  return { pictures, packed };
}

/** Where the string ends that begins at `start`. Prompts are long strings: they are skipped, not walked through. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
}

/** A key that an object has twice: parsers differ in which of the two counts. */
function doubledKey(text: string): string | undefined {
  /** Of the objects around; undefined: an array. */
  const around: (Set<string> | undefined)[] = [];
  let keys: Set<string> | undefined;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const start = at;
      at = endOfString(text, start);
      if (!expectsKey || keys === undefined) continue;
      expectsKey = false;
      const raw = text.slice(start + 1, at);
      const key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
      if (keys.has(key)) return key;
      keys.add(key);
    } else if (char === '{' || char === '[') {
      around.push(keys);
      keys = char === '{' ? new Set() : undefined;
      expectsKey = char === '{';
    } else if (char === '}' || char === ']') keys = around.pop();
    else if (char === ',') expectsKey = keys !== undefined;
  }
  return undefined;
}
