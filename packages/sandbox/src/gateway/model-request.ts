/** What of a request to the model decides on its price. */
export interface ModelRequest {
  readonly model: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  /** More tokens than this the input cannot have. */
  readonly inputTokens: number;
  /** Of these: what no request holds, since it is found on the way. */
  readonly foundTokens: number;
  /** Some of it may be kept in the cache for an hour, which costs more. */
  readonly longCache: boolean;
  /** Searches of the web, which are paid for one by one. */
  readonly webSearches: number;
  /** The whole body, parsed. */
  readonly body: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a picture has at most, and what is assumed of a document or of a search whose text the request does not show. */
const pictureTokens = 5_000;
const documentTokens = 200_000;
const searchTokens = 20_000;
const searchesAssumed = 10;

/**
 * Reads any request that the provider is to get. It refuses what would have the provider itself go out for the agent: the agent's network is
 * closed, and what it may reach is for the list of hosts to say.
 */
export function readRequest(text: string): { readonly body: Fields } | { readonly mistake: string } {
  let body: Fields;
  try {
    body = JSON.parse(text) as Fields;
  } catch {
    return { mistake: 'The request is not JSON.' };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return { mistake: 'The request is not a JSON object.' };
  const twice = doubledKey(text);
  if (twice !== undefined) return { mistake: `"${twice}" stands there twice.` };
  const out = leadsOut(body);
  return out === undefined ? { body } : { mistake: `${out}: the provider is not asked to go to other hosts from here (sandbox.egress).` };
}

/**
 * Reads a request to `/v1/messages`. A token is at least one byte of text, so the size bounds the input from above.
 * @returns what is wrong with it, for the client, where it cannot be priced
 */
export function readModelRequest(text: string, bytes: number): ModelRequest | { readonly mistake: string } {
  const read = readRequest(text);
  if ('mistake' in read) return read;
  const { body } = read;
  const { model, max_tokens: maxTokens, stream } = body;
  if (typeof model !== 'string' || model === '') return { mistake: 'model: a text is required.' };
  if (!Number.isSafeInteger(maxTokens) || Number(maxTokens) < 1) return { mistake: 'max_tokens: a positive integer is required.' };
  const dearer = otherPrices(body);
  if (dearer !== undefined) return { mistake: `${dearer}: this way of being served has prices of its own and is not offered here.` };
  const searches = listOf(body['tools']).filter((tool) => String(tool['type'] ?? '').startsWith('web_search'));
  const webSearches = searches.reduce((sum, { max_uses: most }) => sum + (isCount(most) ? most : searchesAssumed), 0);
  return {
    model,
    maxTokens: Number(maxTokens),
    stream: stream === true,
    inputTokens: bytes + elsewhere(body['messages']) + webSearches * searchTokens,
    foundTokens: webSearches * searchTokens,
    // As it is meant, not as it is spelled.
    longCache: /"ttl"\s*:\s*"1h"/.test(text.includes('\\u') ? JSON.stringify(body) : text),
    webSearches,
    body,
  };
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

/** Searches are let through: they are counted, and lead to the search engine alone. */
function leadsOut(body: Fields): string | undefined {
  const { mcp_servers: servers } = body;
  if (servers !== undefined && servers !== null && !(Array.isArray(servers) && servers.length === 0)) return 'mcp_servers';
  const tool = listOf(body['tools']).find(({ type }) => /^(?:web_fetch|code_execution|mcp_toolset)/.test(String(type)));
  if (tool) return String(tool['type']);
  return pointsOut(body['messages']) ? 'a source of type "url"' : undefined;
}

function pointsOut(value: unknown): boolean {
  return listOf(value).some(({ source, content }) => {
    const { type, content: inner } = (source ?? {}) as Fields;
    return type === 'url' || pointsOut(inner) || pointsOut(content);
  });
}

/** What is not paid at the list price of what the answer says it used. */
function otherPrices(body: Fields): string | undefined {
  if (!['standard', undefined, null].includes(body['speed'] as string)) return 'speed';
  if (!['global', undefined, null].includes(body['inference_geo'] as string)) return 'inference_geo';
  const edits = (body['context_management'] as Fields | null | undefined)?.['edits'];
  const other = [...listOf(edits), ...listOf(body['tools'])].find(({ type }) => /^(?:compact_|advisor_)/.test(String(type)));
  return other && String(other['type']);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

const listOf = (value: unknown): readonly Fields[] =>
  Array.isArray(value) ? value.filter((each): each is Fields => typeof each === 'object' && each !== null) : [];

/** Tokens of what the request only points to, or holds packed. */
function elsewhere(value: unknown): number {
  let sum = 0;
  for (const block of listOf(value)) {
    const source = block['source'] as Fields | undefined;
    // Pages of a PDF may share what they show, packed: its size says little of them.
    const packed = source?.['type'] === 'base64' || source?.['type'] === 'file';
    if (block['type'] === 'image') sum += pictureTokens;
    else if (block['type'] === 'document' && packed) sum += Math.max(documentTokens, String(source?.['data'] ?? '').length);
    sum += elsewhere(block['content']) + elsewhere(source?.['content']);
  }
  return sum;
}

/** Where the string ends that begins at `start`. Prompts are long strings: they are skipped, not walked through. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
  }
}

/** A key that the top level has twice: parsers differ in which of the two counts. */
function doubledKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const start = at;
      at = endOfString(text, start);
      if (depth !== 1 || !expectsKey) continue;
      expectsKey = false;
      const key = JSON.parse(text.slice(start, at + 1)) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    } else if (char === '{' || char === '[') {
      depth++;
      if (depth === 1) expectsKey = true;
    } else if (char === '}' || char === ']') depth--;
    else if (char === ',' && depth === 1) expectsKey = true;
  }
  return undefined;
}
