import type { Message, Session } from 'cyrus-core/domain/session';
import type { Sender } from './access.ts';

/** The `signal` of a message whose writer may not say that here: kept, answered politely, read by no agent. */
export const refusedSignal = 'refused';

export const senderOf = (session: Pick<Session, 'source'>, message: Pick<Message, 'authorId' | 'authorEmail'>): Sender => ({
  source: session.source,
  id: message.authorId,
  email: message.authorEmail,
});
