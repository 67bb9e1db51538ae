import type { Asked } from 'cyrus-executor-interface/asked';

/** Claude Code's tool to ask whoever it works for. */
export const askTool = 'AskUserQuestion';

/** What the agent reads as the tool's result: the run ends with it, and goes on with the answer in the next message. */
export const askedNotice =
  'Your question was passed on to the people on the issue. This run ends here; it goes on with their answer as the next message.';

interface Choice {
  readonly label: string;
  readonly description: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');

function choicesOf(value: unknown): readonly Choice[] {
  if (!Array.isArray(value)) return [];
  return (value as (Record<string, unknown> | null)[])
    .map((one) => ({ label: text(one?.['label']), description: text(one?.['description']) }))
    .filter((one) => one.label !== '');
}

/** What the tool's input asks, for a person to read; undefined when it asks nothing. Several questions become one numbered text. */
export function askedIn(input: unknown): Asked | undefined {
  const given = (input as { readonly questions?: unknown } | null)?.questions;
  const questions = (Array.isArray(given) ? (given as (Record<string, unknown> | null)[]) : [])
    .map((one) => ({
      question: text(one?.['question']),
      several: one?.['multiSelect'] === true,
      choices: choicesOf(one?.['options']),
    }))
    .filter((one) => one.question !== '');
  const [only] = questions;
  if (!only) return undefined;
  const written = questions.map((one, at) => {
    const number = questions.length > 1 ? `${at + 1}. ` : '';
    const hint = one.several ? ' (several may be chosen)' : '';
    // The names alone are offered as options beside a single question; explained or chosen among several they belong to its text.
    const isPlain = questions.length === 1 && !one.several && one.choices.every((choice) => choice.description === '');
    const list = isPlain ? [] : one.choices.map(({ label, description }) => `- ${label}${description === '' ? '' : `: ${description}`}`);
    return [`${number}${one.question}${hint}`, ...list].join('\n');
  });
  const options = questions.length === 1 && !only.several ? only.choices.map((choice) => choice.label) : [];
  return { question: written.join('\n\n'), ...(options.length > 0 ? { options } : {}) };
}
