/** One call of a tool by the scripted agent. `{{cwd}}` inside any string of `input` becomes the agent's working directory. */
export interface ToolCall {
  readonly tool: string;
  readonly input?: unknown;
}

/**
 * One answer of the model. `text` and tools may come together; `error` answers with that HTTP status instead.
 * `delay`: milliseconds before the first byte. `slow`: milliseconds between the chunks of a streamed text.
 */
export interface Step {
  readonly text?: string;
  readonly tool?: string;
  readonly input?: unknown;
  readonly tools?: readonly ToolCall[];
  readonly error?: number;
  readonly delay?: number;
  readonly slow?: number;
  readonly usage?: Readonly<Record<string, number>>;
}

/**
 * A script for prompts that carry none. It applies to conversations whose first user text contains `match`;
 * with `onFollowUp` it starts anew at the newest later user text that contains `onFollowUp`.
 */
export interface ScriptRule {
  readonly match: string;
  readonly onFollowUp?: string;
  readonly steps: readonly Step[];
}

const marker = 'SCRIPT:';

/** The steps of the last `SCRIPT:[…]` in `text` (one inside another's strings is not looked at). A malformed script answers with its own error. */
export function scriptInText(text: string): readonly Step[] | undefined {
  let found: readonly Step[] | undefined;
  for (let at = text.indexOf(marker); at >= 0; at = text.indexOf(marker, at)) {
    at += marker.length;
    const json = text[at] === '[' ? arrayAt(text, at) : undefined;
    if (json === undefined) continue;
    at += json.length;
    try {
      found = JSON.parse(json) as readonly Step[];
    } catch (error) {
      found = [{ text: `malformed script: ${String(error)}` }];
    }
  }
  return found;
}

/** The JSON array that starts at `from`, its end found by counting brackets outside strings. */
function arrayAt(text: string, from: number): string | undefined {
  let depth = 0;
  let inString = false;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '[') depth++;
    else if (char === ']' && --depth === 0) return text.slice(from, at + 1);
  }
  return undefined;
}

/** @throws TypeError naming the first field that is not of a rule */
export function checkRule(value: unknown): ScriptRule {
  const rule = value as Partial<ScriptRule> | null;
  if (typeof rule !== 'object' || rule === null) throw new TypeError('a script rule is an object {match, onFollowUp?, steps}');
  for (const name of Object.keys(rule)) {
    if (!['match', 'onFollowUp', 'steps'].includes(name)) throw new TypeError(`unknown field "${name}" in a script rule`);
  }
  if (typeof rule.match !== 'string' || rule.match === '') throw new TypeError('"match" must be a non-empty string');
  if (rule.onFollowUp !== undefined && typeof rule.onFollowUp !== 'string') throw new TypeError('"onFollowUp" must be a string');
  if (!Array.isArray(rule.steps) || rule.steps.length === 0) throw new TypeError('"steps" must be a non-empty array');
  const known = ['text', 'tool', 'input', 'tools', 'error', 'delay', 'slow', 'usage'];
  for (const step of rule.steps) {
    const unknown = Object.keys(step as object).find((name) => !known.includes(name));
    if (unknown !== undefined) throw new TypeError(`unknown field "${unknown}" in a step`);
  }
  return rule as ScriptRule;
}
