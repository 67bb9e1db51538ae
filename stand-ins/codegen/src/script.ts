/** One step of a run. A step holds one of these. */
export type Step =
  /** A thought, as an ACTION entry of the log. */
  | { readonly think: string }
  /** A tool with what went in and came out. */
  | { readonly tool: string; readonly input?: Readonly<Record<string, unknown>>; readonly output?: Readonly<Record<string, unknown>> }
  /** An ERROR entry of the log; the run goes on. */
  | { readonly error: string }
  /** Any entry, as it is: words the description does not know, fields that are missing. */
  | { readonly entry: Readonly<Record<string, unknown>> }
  /** Files of the next push, by path. */
  | { readonly write: Readonly<Record<string, string>> }
  /** Commits and pushes; `branch`: another one than the prompt asks for. */
  | { readonly push: true | { readonly branch?: string; readonly message?: string } }
  /** Opens a pull request of what was pushed. */
  | { readonly pullRequest: true | { readonly title?: string; readonly base?: string } }
  /** Waits so long, by the service's clock. */
  | { readonly waitMs: number }
  /** Waits until `POST /control/go {name}`. */
  | { readonly until: string }
  /** Tells of another status from here on. */
  | { readonly status: string | null }
  /** Pauses with a question, until it is resumed. */
  | { readonly ask: string }
  /** Ends here; default: COMPLETE. */
  | { readonly end: string; readonly result?: string; readonly summary?: string };

const marker = 'CODEGEN:';
const kinds = ['think', 'tool', 'error', 'entry', 'write', 'push', 'pullRequest', 'waitMs', 'until', 'status', 'ask', 'end'];
const besides = ['input', 'output', 'result', 'summary'];

/** @throws TypeError naming the first thing that is wrong */
export function checkSteps(value: unknown): readonly Step[] {
  if (!Array.isArray(value) || value.length === 0) throw new TypeError('steps are a list with at least one step');
  for (const step of value as readonly unknown[]) {
    const keys = Object.keys((step ?? {}) as object);
    const unknown = keys.find((key) => !kinds.includes(key) && !besides.includes(key));
    if (unknown !== undefined) throw new TypeError(`unknown field "${unknown}" in a step`);
    if (keys.filter((key) => kinds.includes(key)).length !== 1) throw new TypeError(`a step has one of ${kinds.join(', ')}`);
  }
  return value as readonly Step[];
}

/** The steps of the last `CODEGEN:[…]` in a prompt, on one line. A malformed script is what the run ends with. */
export function scriptInText(text: string): readonly Step[] | undefined {
  const at = text.lastIndexOf(marker);
  if (at < 0) return undefined;
  const rest = text.slice(at + marker.length).split('\n')[0] ?? '';
  try {
    return checkSteps(JSON.parse(rest.slice(0, rest.lastIndexOf(']') + 1)));
  } catch (error) {
    return [{ end: 'ERROR', result: `malformed script: ${String(error)}` }];
  }
}

/** What a run does that was told nothing else: a file, a branch, a pull request. */
export const defaultSteps = (id: number): readonly Step[] => [
  { think: 'Reading the repository.' },
  { tool: 'RunCommand', input: { command: 'ls' }, output: { output: 'README.md' } },
  { write: { [`codegen-${id}.txt`]: `Written by run ${id}.\n` } },
  { push: true },
  { pullRequest: true },
];
