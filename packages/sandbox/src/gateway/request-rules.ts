/** A JSON object as it came. */
export type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The objects of a list. One alone counts as a list of itself. */
export const listOf = (value: unknown): readonly Fields[] =>
  (Array.isArray(value) ? value : [value]).filter((each): each is Fields => typeof each === 'object' && each !== null);

export interface RequestRules {
  /** The provider may search the web for the agent: what is searched for leaves by it. */
  readonly webSearch: boolean;
}

/**
 * Fields of a request that say what is to be answered, and how. Not among them: `mcp_servers`, `container`, `thread` (a conversation kept at the
 * provider, which no request shows), `compaction` and `fallbacks` (work of other calls and models inside of this one).
 * @see https://docs.claude.com/en/api/messages
 */
const fields = new Set([
  ...['model', 'messages', 'system', 'max_tokens', 'stream', 'metadata', 'stop_sequences', 'temperature', 'top_k', 'top_p', 'thinking'],
  ...['tools', 'tool_choice', 'output_config', 'output_format', 'context_management', 'cache_control', 'service_tier', 'diagnostics'],
  // Of Claude Code.
  ...['safeguards', 'context_hint', 'fallback_credit_token'],
]);
/** Passed only with these values: others have prices of their own. */
const asListed: Readonly<Record<string, string>> = { speed: 'standard', inference_geo: 'global' };

/** Tools that the client runs itself. A tool without a type is one, too. */
const clientTools = /^(?:custom|(?:bash|text_editor|computer|memory)_\d{8})$/;
const searchTool = /^web_search(?:_\d{8})?$/;

/** Content that a request shows in full, or that only names what it shows elsewhere. */
const blocks = new Set([
  ...['text', 'image', 'document', 'search_result', 'thinking', 'redacted_thinking', 'tool_use', 'tool_result', 'tool_reference'],
  ...['tool_addition', 'tool_removal', 'compaction', 'fallback'],
  // What earlier searches have found.
  ...['server_tool_use', 'web_search_tool_result', 'web_search_result', 'web_search_tool_result_error'],
]);
const sources = new Set(['base64', 'text', 'content']);
const toolChanges = new Set(['tool_reference', 'tool_definition']);
/** Old results and thoughts that the provider leaves out. */
const edits = /^clear_(?:tool_uses|thinking)_\d{8}$/;

export interface NotPassed {
  /** As the request names it. */
  readonly what: string;
  readonly message: string;
}

/**
 * What of a request is not known to stay between the agent and the model, or not known to cost what the list says. The agent's network is closed;
 * what the provider does in its place is not a way around that. Undefined: it may pass.
 */
export function notPassed(body: Fields, rules: RequestRules): NotPassed | undefined {
  return unknownField(body) ?? first(listOf(body['tools']), (tool) => unknownTool(tool, rules)) ?? unknownContent(body);
}

export const isSearch = (tool: Fields): boolean => searchTool.test(String(tool['type']));

/** Tools that bring instructions of the provider's own with them. */
export const isBuiltIn = ({ type }: Fields): boolean => type !== undefined && type !== null && type !== 'custom';

function unknownField(body: Fields): NotPassed | undefined {
  for (const [name, value] of Object.entries(body)) {
    if (value === null || fields.has(name) || (Array.isArray(value) && value.length === 0)) continue;
    const listed = asListed[name];
    if (value !== undefined && listed === value) continue;
    if (listed !== undefined)
      return { what: name, message: `${name}: this way of being served has prices of its own and is not offered here.` };
    return unknown(`the field ${nameOf(name)}`);
  }
  const edit = listOf((body['context_management'] as Fields | undefined)?.['edits']).find(({ type }) => !edits.test(String(type)));
  return edit && unknown(`an edit of type ${nameOf(edit['type'])}`);
}

function unknownTool(tool: Fields, { webSearch }: RequestRules): NotPassed | undefined {
  const { type } = tool;
  if (!isBuiltIn(tool) || clientTools.test(String(type))) return undefined;
  if (!isSearch(tool)) return unknown(`a tool of type ${nameOf(type)}`);
  if (webSearch) return undefined;
  return {
    what: String(type),
    message: 'Searching the web is not allowed here; "sandbox": {"webSearch": true} in the configuration of Cyrus allows it.',
  };
}

function unknownContent(body: Fields): NotPassed | undefined {
  const inBlocks = (value: unknown): NotPassed | undefined =>
    first(listOf(value), (block) => {
      const { type, source, tool } = block;
      if (!blocks.has(String(type))) return unknown(`content of type ${nameOf(type)}`);
      if (isObject(source) && !sources.has(String(source['type']))) return unknown(`a source of type ${nameOf(source['type'])}`);
      if (isObject(tool) && !toolChanges.has(String(tool['type']))) return unknown(`a tool of type ${nameOf(tool['type'])}`);
      const defined = isObject(tool) ? tool['definition'] : undefined;
      return (
        // What is added on the way was not counted: only tools of the agent's own are.
        (isObject(defined) && isBuiltIn(defined) ? unknown(`a tool of type ${nameOf(defined['type'])}`) : undefined) ??
        inBlocks(block['content']) ??
        inBlocks(block['tool_changes']) ??
        (isObject(source) ? inBlocks(source['content']) : undefined)
      );
    });
  return inBlocks(body['system']) ?? first(listOf(body['messages']), ({ content }) => inBlocks(content));
}

function first<T, R>(all: readonly T[], of: (one: T) => R | undefined): R | undefined {
  for (const one of all) {
    const found = of(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Names are the request's own words, which are not repeated: plain ones are. */
const nameOf = (name: unknown): string => (typeof name === 'string' && /^[\w.-]{1,64}$/.test(name) ? `"${name}"` : '(no plain name)');

const unknown = (what: string): NotPassed => ({
  what,
  message: `${what} is not passed on: the provider might reach other hosts by it, or charge what no budget has seen. Nothing was sent.`,
});
