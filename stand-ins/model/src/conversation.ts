/** The parts of a Messages API request that scripts look at. */
export interface ContentBlock {
  readonly type: string;
  readonly text?: string;
  readonly name?: string;
  readonly id?: string;
  readonly tool_use_id?: string;
  readonly content?: string | readonly ContentBlock[];
}

export interface ApiMessage {
  readonly role: string;
  readonly content: string | readonly ContentBlock[];
}

export interface MessagesRequest {
  readonly model: string;
  readonly max_tokens: number;
  readonly stream?: boolean;
  readonly system?: string | readonly ContentBlock[];
  readonly messages: readonly ApiMessage[];
  readonly tools?: readonly { readonly name?: string }[];
}

const blocksOf = (content: ApiMessage['content'] | undefined): readonly ContentBlock[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);

/** How Claude Code hands on what a person says to a working agent. */
const midTurnMessage =
  /<system-reminder>\s*The user sent a new message while you were working:\n([\s\S]*?)(?:\n\nThis is how Claude Code[\s\S]*?)?<\/system-reminder>/g;

/** A message's own text: no tool results, no reminders that the agent's harness adds; what a person said in one stays. */
export function textOf(message: ApiMessage): string {
  const text = blocksOf(message.content)
    .map((block) => (block.type === 'text' ? (block.text ?? '') : ''))
    .join('\n');
  return text
    .replace(midTurnMessage, '$1')
    .replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '')
    .trim();
}

/** Whether a person's words can be in it: a message given to a working agent arrives with the role `system`. */
export const isFromUser = (message: ApiMessage): boolean => message.role === 'user' || message.role === 'system';

export function userTexts(messages: readonly ApiMessage[]): string[] {
  return messages
    .filter(isFromUser)
    .map(textOf)
    .filter((text) => text !== '');
}

export function systemText(request: MessagesRequest): string {
  return blocksOf(request.system)
    .map((block) => block.text ?? '')
    .join('\n');
}

const toolResultText = (block: ContentBlock): string =>
  blocksOf(block.content)
    .map((part) => part.text ?? '')
    .join('\n');

/** The ids of tool calls that an interruption or a crash cut short: what they asked for was not done. */
export function interruptedCalls(messages: readonly ApiMessage[]): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const message of messages) {
    for (const block of blocksOf(message.content)) {
      if (
        block.type === 'tool_result' &&
        block.tool_use_id &&
        /^\[Tool call interrupted|\[Request interrupted/.test(toolResultText(block))
      ) {
        ids.add(block.tool_use_id);
      }
    }
  }
  return ids;
}

/** The answers already given after message `start`; an answer whose tool calls were cut short does not count, so it is given again. */
export function answersSince(messages: readonly ApiMessage[], start: number): number {
  const cut = interruptedCalls(messages);
  return messages
    .slice(start + 1)
    .filter(
      (message) => message.role === 'assistant' && !blocksOf(message.content).some((block) => block.id !== undefined && cut.has(block.id)),
    ).length;
}

/**
 * The agent's working directory as its harness tells the model: in the system prompt, or in a reminder that a resumed conversation repeats
 * where the directory is another one. The newest counts. Undefined when nothing names one.
 */
export function workingDirectory(request: MessagesRequest): string | undefined {
  const places = [
    systemText(request),
    ...request.messages.flatMap((message) => blocksOf(message.content).map((block) => block.text ?? '')),
  ];
  for (const label of [/Primary working directory: (\/[^\n<]*)/g, /(?:Working directory|cwd): `?(\/[^\n`<]*)/gi]) {
    const found = places.flatMap((place) => [...place.matchAll(label)]).at(-1)?.[1];
    if (found !== undefined) return found.replace(/ \(was \/.*$/, '').trim();
  }
  return undefined;
}
