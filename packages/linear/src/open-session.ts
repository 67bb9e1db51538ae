import { z } from 'zod';
import type { LinearClient } from './client.ts';
import { createSession, findSession } from './documents.ts';
import { outcomeOf, type WriteOutcome } from './writes.ts';

const entity = z.object({ id: z.string() });
const seenShape = z.object({
  viewer: entity,
  issue: z.object({
    delegate: entity.nullish(),
    agentSessions: z.object({ nodes: z.array(z.object({ id: z.string(), appUser: entity.nullish() })) }),
  }),
});
const madeShape = z.object({ agentSessionCreateOnIssue: z.object({ success: z.boolean(), agentSession: entity }) });

/**
 * Opens a session of the app on an issue that is delegated to it and has none. Linear takes no id of ours for it, so it is looked for
 * first: an answer that was lost is found then, and an issue that was taken away meanwhile gets none.
 */
export async function openSession(client: LinearClient, write: { readonly issueId: string }, signal?: AbortSignal): Promise<WriteOutcome> {
  const { issueId } = write;
  const seen = await client.request(findSession, { issue: issueId }, signal);
  if (!seen.ok) return outcomeOf(seen.error);
  const known = seenShape.safeParse(seen.value);
  if (!known.success) return other('an issue');
  const { viewer, issue } = known.data;
  const there = issue.agentSessions.nodes.find(({ appUser }) => appUser?.id === viewer.id);
  if (there) return { state: 'sent', remoteId: there.id };
  if (issue.delegate?.id !== viewer.id) return { state: 'sent' };
  const answer = await client.request(createSession, { input: { issueId } }, signal);
  if (!answer.ok) return outcomeOf(answer.error);
  const made = madeShape.safeParse(answer.value);
  if (!made.success || !made.data.agentSessionCreateOnIssue.success) return other('a session');
  return { state: 'sent', remoteId: made.data.agentSessionCreateOnIssue.agentSession.id };
}

const other = (what: string): WriteOutcome => ({
  state: 'rejected',
  failure: { class: 'invalid_request', message: `Linear sent ${what} of another shape, so no session was opened.` },
});
