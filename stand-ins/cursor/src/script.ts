/** One thing the scripted agent does. */
export type Step =
  /** Says it, in several pieces. */
  | { readonly say: string }
  | { readonly think: string }
  | { readonly tool: string; readonly args?: unknown; readonly result?: unknown }
  /** Commits files (path → content) and pushes them to the agent's branch. */
  | { readonly write: Readonly<Record<string, string>>; readonly message?: string }
  /** Opens a pull request of the branch, whatever `autoCreatePR` says. */
  | { readonly pullRequest: string }
  | { readonly sleepMs: number }
  /** Until `POST /control/release`. */
  | { readonly wait: true }
  /** Is not heard of again. */
  | { readonly forever: true }
  /** Ends the run here, without a word. */
  | { readonly end: 'ERROR' | 'EXPIRED' };

/** A script for prompts that hold `match` and carry none themselves. The newest that fits is taken. */
export interface ScriptRule {
  readonly match: string;
  readonly steps: readonly Step[];
}

const marker = 'AGENT:';

/** The steps of the first `AGENT:[…]` in a prompt; undefined where there is none. A malformed one is an agent that says so and fails. */
export function scriptIn(prompt: string): readonly Step[] | undefined {
  const at = prompt.indexOf(`${marker}[`);
  if (at < 0) return undefined;
  const json = arrayAt(prompt, at + marker.length);
  try {
    return JSON.parse(json) as readonly Step[];
  } catch (error) {
    return [{ say: `malformed script: ${String(error)}` }, { end: 'ERROR' }];
  }
}

/** What an agent does that was given a task and no script: it writes the task down and pushes that. */
export function plainWork(prompt: string): readonly Step[] {
  return [
    { say: 'I look at the repository.' },
    { tool: 'read_file', args: { path: 'README.md' }, result: { success: { totalLines: 1 } } },
    { write: { 'cursor-work.md': `${prompt}\n` }, message: 'Write the task down' },
    { say: 'The task is written down in cursor-work.md.' },
  ];
}

/** The JSON array that starts at `from`, its end found by counting brackets outside strings. */
function arrayAt(text: string, from: number): string {
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
  return text.slice(from);
}
