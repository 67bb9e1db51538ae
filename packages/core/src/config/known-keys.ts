import type { JsonSchema } from './json-schema.ts';
import { type Path, pathText } from './mask.ts';

export interface ConfigWarning {
  readonly path: string;
  readonly message: string;
}

/** Keys that other versions of Cyrus use and this one does not, with what to do instead. */
const unused: Readonly<Record<string, string>> = {
  workspaceBaseDir: 'checkouts live in the home directory of Cyrus',
  linearWorkspaceName: 'only a name',
  linearWorkspaceSlug: 'only a name',
  promptTemplatePath: 'put the template into .cyrus/prompts/builder.md of the repository (docs/prompts.md), or use appendInstruction',
  global_setup_script: 'use repositories[].setup.command',
  ngrokAuthToken: 'Cyrus opens no tunnel',
  stripeCustomerId: 'Cyrus has no billing',
  defaultRunner: 'use executor',
  geminiDefaultModel: 'there is no Gemini executor',
  codexDefaultModel: 'there is no Codex executor',
  openaiApiKey: 'no tool uses it',
  openaiOutputDirectory: 'no tool uses it',
  useSkillBasedWorkflow: 'it is always on',
  teamConfig: 'use labelPrompts and orchestrationStrategy',
  graphite: 'Graphite stacks are not supported',
  'graphite-orchestrator': 'Graphite stacks are not supported',
  team: 'use orchestrator',
};

/** A warning for each key of `value` that the schema does not know; a near-miss names the right key. */
export function unknownKeys(value: unknown, schema: JsonSchema, path: Path = []): ConfigWarning[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => unknownKeys(item, itemSchema(schema), [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  const choices = schema.anyOf ?? [schema];
  const known: Record<string, JsonSchema> = Object.assign({}, ...choices.map((choice) => choice.properties ?? {}));
  const open = choices.find((choice) => typeof choice.additionalProperties === 'object')?.additionalProperties;
  const closed = Object.keys(known).length > 0;
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = Object.hasOwn(known, key) ? known[key] : typeof open === 'object' ? open : undefined;
    if (below) return unknownKeys(inner, below, [...path, key]);
    return closed ? [{ path: pathText([...path, key]), message: explain(key, Object.keys(known)) }] : [];
  });
}

function itemSchema(schema: JsonSchema): JsonSchema {
  return schema.items ?? schema.anyOf?.find((choice) => choice.items)?.items ?? {};
}

function explain(key: string, known: readonly string[]): string {
  const reason = Object.hasOwn(unused, key) ? unused[key] : undefined;
  if (reason) return `is not used by this version: ${reason}`;
  const right = nearest(key, known);
  return right ? `is not a known key; did you mean "${right}"?` : 'is not a known key and has no effect';
}

/** The word at most two edits away from `word`, the closest first; a different case alone counts as none. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const distances = words.map((candidate) => ({ candidate, distance: editDistance(lower, candidate.toLowerCase()) }));
  const best = distances.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= 2 && best.distance < Math.max(lower.length, 2) ? best.candidate : undefined;
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 3;
}
