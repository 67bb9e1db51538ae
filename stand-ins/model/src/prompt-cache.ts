import { createHash } from 'node:crypto';
import type { ApiMessage, ContentBlock, MessagesRequest } from './conversation.ts';

/** How the input of one request divides, in tokens of four characters: read from the cache, written to it, and neither. */
export interface InputTokens {
  readonly read: number;
  readonly written: number;
  readonly fresh: number;
}

export interface PromptCache {
  account(request: MessagesRequest): InputTokens;
}

interface Cacheable extends ContentBlock {
  readonly cache_control?: { readonly ttl?: string } | null;
}
interface Piece {
  readonly text: string;
  /** How long the prefix that ends here is kept; absent: it is no breakpoint. */
  readonly keepMs?: number;
}

const fiveMinutesMs = 5 * 60_000;
const hourMs = 60 * 60_000;
/** Shorter prefixes are not kept. */
const leastTokens = 1024;
/** How many blocks before a breakpoint an earlier one is looked for. */
const lookBack = 20;

/**
 * Accounts a prompt cache as the API documents it: prefixes in the order tools, system, messages end at `cache_control`; the longest one that is
 * kept and lies at a breakpoint or at most twenty blocks before it is read, what follows up to the last breakpoint is written. A model has its own.
 * @see https://docs.claude.com/en/docs/build-with-claude/prompt-caching
 */
export function promptCache(now: () => number): PromptCache {
  const kept = new Map<string, number>();
  return {
    account(request) {
      const pieces = piecesOf(request);
      const prefixes: { hash: string; tokens: number }[] = [];
      let hash = request.model;
      let characters = 0;
      for (const { text } of pieces) {
        hash = createHash('sha256').update(hash).update(text).digest('base64');
        characters += text.length;
        prefixes.push({ hash, tokens: Math.ceil(characters / 4) });
      }
      const at = now();
      for (const [prefix, until] of kept) if (until <= at) kept.delete(prefix);
      const breakpoints = pieces.flatMap((piece, index) => (piece.keepMs === undefined ? [] : [index]));
      const reach = breakpoints.flatMap((index) => prefixes.slice(Math.max(0, index - lookBack), index + 1));
      const read = Math.max(0, ...reach.filter((prefix) => kept.has(prefix.hash)).map((prefix) => prefix.tokens));
      for (const index of breakpoints) {
        const prefix = prefixes[index];
        if (prefix && prefix.tokens >= leastTokens) kept.set(prefix.hash, at + (pieces[index]?.keepMs ?? fiveMinutesMs));
      }
      const total = prefixes.at(-1)?.tokens ?? 0;
      const last = prefixes[breakpoints.at(-1) ?? -1]?.tokens ?? 0;
      const cached = last >= leastTokens ? last : 0;
      return { read, written: Math.max(0, cached - read), fresh: total - Math.max(cached, read) };
    },
  };
}

function piecesOf(request: MessagesRequest): Piece[] {
  const blocks = (content: string | readonly ContentBlock[] | undefined): readonly Cacheable[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
  const pieceOf = (owner: string, block: object): Piece => {
    const { cache_control: mark, ...rest } = block as Cacheable;
    const text = `${owner} ${JSON.stringify(rest)}`;
    return mark ? { text, keepMs: mark.ttl === '1h' ? hourMs : fiveMinutesMs } : { text };
  };
  return [
    ...(request.tools ?? []).map((tool) => pieceOf('tool', tool)),
    ...blocks(request.system).map((block) => pieceOf('system', block)),
    ...request.messages.flatMap((message: ApiMessage) => blocks(message.content).map((block) => pieceOf(message.role, block))),
  ];
}
