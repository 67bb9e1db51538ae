import { answersSince, isFromUser, type MessagesRequest, textOf, userTexts, workingDirectory } from './conversation.ts';
import { type ScriptRule, type Step, scriptInText } from './script.ts';

export interface Choice {
  readonly step: Step;
  /** Which step of its script this is; -1 when no script applies. */
  readonly index: number;
}

interface Started {
  readonly at: number;
  readonly steps: readonly Step[];
}

/**
 * What the scripted model answers. Stateless: the step's index is the number of answers since the script began, read from the
 * request itself, so that resumed, forked and interrupted conversations go on where they were.
 */
export function chooseStep(request: MessagesRequest, rules: readonly ScriptRule[]): Choice {
  const script = newestScript(request, rules);
  if (!script) {
    const last = userTexts(request.messages).at(-1) ?? '';
    return { step: { text: `No script matches this prompt. Its last words: ${last.slice(-200)}` }, index: -1 };
  }
  const index = answersSince(request.messages, script.at);
  const step = script.steps[index] ?? afterTheEnd(script.steps);
  return { step: filled(step, request), index };
}

/** A script that is over repeats its closing words, never its last action. */
function afterTheEnd(steps: readonly Step[]): Step {
  const last = steps.at(-1);
  return last?.text !== undefined && last.tool === undefined && last.tools === undefined ? { text: last.text } : { text: 'Done.' };
}

/** The script that began last: one carried by a user text, or one registered for this conversation. */
function newestScript(request: MessagesRequest, rules: readonly ScriptRule[]): Started | undefined {
  let first: string | undefined;
  let started: Started | undefined;
  request.messages.forEach((message, at) => {
    if (!isFromUser(message)) return;
    const text = textOf(message);
    if (text === '') return;
    const inText = scriptInText(text);
    const rule = first === undefined ? openingRule(rules, text) : followUpRule(rules, first, text);
    if (inText) started = { at, steps: inText };
    else if (rule) started = { at, steps: rule.steps };
    first ??= message.role === 'user' ? text : undefined;
  });
  return started;
}

const openingRule = (rules: readonly ScriptRule[], text: string): ScriptRule | undefined =>
  rules.findLast((rule) => rule.onFollowUp === undefined && text.includes(rule.match));

const followUpRule = (rules: readonly ScriptRule[], first: string, text: string): ScriptRule | undefined =>
  rules.findLast((rule) => rule.onFollowUp !== undefined && first.includes(rule.match) && text.includes(rule.onFollowUp));

/** Puts the conversation's own facts into a step: `{{cwd}}` and `{{userTexts}}` (a JSON array). */
function filled(step: Step, request: MessagesRequest): Step {
  const replace = (value: unknown): unknown => {
    if (typeof value === 'string') {
      if (!value.includes('{{')) return value;
      const texts = userTexts(request.messages).map((text) => text.replace(/SCRIPT:[\s\S]*/, 'SCRIPT'));
      return value.replaceAll('{{cwd}}', workingDirectory(request) ?? '.').replaceAll('{{userTexts}}', JSON.stringify(texts));
    }
    if (Array.isArray(value)) return value.map(replace);
    if (value !== null && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replace(inner)]));
    return value;
  };
  return replace(step) as Step;
}
