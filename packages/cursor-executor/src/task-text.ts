import type { ExecutionRequest } from 'cyrus-executor-interface/executor';

/** What the agent is told. It has no system prompt of its own: what belongs there comes first. */
export function taskText(request: ExecutionRequest): string {
  const { remote, readOnly, editable } = request;
  const rules = [
    ...(remote
      ? [`The repository is ${remote.repositoryName ?? remote.repositoryUrl}; the work begins at the head of ${remote.startBranch}.`]
      : []),
    readOnly || !remote
      ? 'Change nothing: what is asked for is an answer in words.'
      : `Commit your work and push it before you end, to ${remote.pushBranch}, or to the branch that Cursor has given you. Open no pull request.`,
    ...(editable ? [`Change no files but these: ${editable.join(', ')}`] : []),
  ];
  return [...(request.systemContext === undefined ? [] : [request.systemContext]), rules.join('\n'), request.prompt].join('\n\n');
}

const heading = (id: number): string => `Message ${id} from the people you work for:`;

/** Messages to an agent, so that its stream shows which of them it was given. */
export const messagesText = (messages: readonly { readonly id: number; readonly text: string }[]): string =>
  messages.map(({ id, text }) => `${heading(id)}\n\n${text}`).join('\n\n');

/** The messages that a text given to the agent holds. */
export const messageIdsIn = (text: string): readonly number[] =>
  [...text.matchAll(/^Message (\d{1,9}) from the people you work for:$/gm)].map(([, id]) => Number(id));
