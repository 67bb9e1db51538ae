import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { idOf } from 'cyrus-core/ids';

/** What is said to the agent in one run, and how far it has certainly been read. */
export interface Steering {
  /** The agent's input from the prompt on; ends when closed. Each agent started in the run reads it from its beginning. */
  input(): AsyncIterable<SDKUserMessage>;
  /** Sends a message; one already sent is not sent again. */
  send(message: { readonly id: number; readonly text: string }): 'steered' | 'too_late';
  /** The agent says that its next model call holds these messages. */
  offered(uuids: readonly string[]): void;
  /** A model call has begun to answer: what was offered is read. Returns the ids newly read. */
  answered(): number[];
  /** The agent says that a finished turn has taken in these messages. Returns the ids newly read. */
  consumed(uuids: readonly string[]): number[];
  readonly unread: number;
  readonly lastRead: number | undefined;
  /** Nothing more is taken: what was not read yet stays unread. */
  close(): void;
}

export function steering(runId: string, prompt: string): Steering {
  const said: SDKUserMessage[] = [];
  const unread = new Map<string, number>();
  const sent = new Set<number>();
  let offered: readonly string[] = [];
  let closed = false;
  let lastRead: number | undefined;
  let wake = Promise.withResolvers<void>();

  function say(uuid: string, text: string): void {
    const content = asWritten(text);
    said.push({
      type: 'user',
      uuid: uuid as SDKUserMessage['uuid'] & string,
      message: { role: 'user', content },
      parent_tool_use_id: null,
    });
    wake.resolve();
    wake = Promise.withResolvers<void>();
  }
  say(idOf(`${runId} prompt`), prompt);

  async function* input(): AsyncGenerator<SDKUserMessage> {
    for (let next = 0; ; ) {
      const message = said[next];
      if (message) {
        next++;
        yield message;
      } else if (closed) return;
      else await wake.promise;
    }
  }

  function read(uuids: readonly string[]): number[] {
    const ids = uuids.flatMap((uuid) => unread.get(uuid) ?? []);
    for (const uuid of uuids) unread.delete(uuid);
    if (ids.length > 0) lastRead = Math.max(lastRead ?? 0, ...ids);
    return ids;
  }

  return {
    input,
    send({ id, text }) {
      if (closed) return 'too_late';
      if (!sent.has(id)) {
        const uuid = idOf(`${runId} message ${id}`);
        sent.add(id);
        unread.set(uuid, id);
        say(uuid, text);
      }
      return 'steered';
    },
    offered(uuids) {
      offered = uuids;
    },
    answered: () => read(offered),
    consumed: read,
    get unread() {
      return unread.size;
    },
    get lastRead() {
      return lastRead;
    },
    close() {
      closed = true;
      wake.resolve();
    },
  };
}

/** A text that begins like a command of the agent's own (`/clear`) must reach the model as text: its author is not at the agent's terminal. */
const asWritten = (text: string): string => (/^\s*\//.test(text) ? `The message reads:\n${text}` : text);
