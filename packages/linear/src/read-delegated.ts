import type { Instant } from 'cyrus-core/clock';
import { err, ok, type Result } from 'cyrus-core/result';
import { z } from 'zod';
import type { LinearClient } from './client.ts';
import type { LinearProblem } from './problem.ts';

/** Open issues whose delegate is the app, as they changed last. About 340 points. */
export const delegatedIssues: string = `
query DelegatedIssues($app: ID!, $since: DateTimeOrDuration!) {
  issues(first: 50, orderBy: updatedAt, filter: {
    delegate: { id: { eq: $app } }, updatedAt: { gt: $since }, state: { type: { nin: ["completed", "canceled", "duplicate"] } }
  }) {
    nodes { id identifier updatedAt creator { id } agentSessions(first: 5) { nodes { appUser { id } } } }
  }
}`;

/** An issue that is delegated to the app, and nothing of it says that the app was told. */
export interface DelegatedIssue {
  readonly id: string;
  readonly identifier: string;
}

const entity = z.object({ id: z.string() });
const shape = z.object({
  issues: z.object({
    nodes: z.array(
      z.object({
        id: z.string(),
        identifier: z.string(),
        updatedAt: z.string(),
        creator: entity.nullish(),
        agentSessions: z.object({ nodes: z.array(z.object({ appUser: entity.nullish() })) }),
      }),
    ),
  }),
});

/**
 * Issues that changed after `since`, are delegated to the app and have no session of it. What changed after `settledBefore` may be
 * getting one; what the app made itself gives it no work.
 */
export async function findDelegated(
  client: LinearClient,
  about: { readonly appUserId: string; readonly since: Instant; readonly settledBefore: Instant },
  signal?: AbortSignal,
): Promise<Result<readonly DelegatedIssue[], LinearProblem>> {
  const { appUserId, since, settledBefore } = about;
  const answer = await client.request(delegatedIssues, { app: appUserId, since: new Date(since).toISOString() }, signal);
  if (!answer.ok) return answer;
  const parsed = shape.safeParse(answer.value);
  if (!parsed.success) {
    const failure = { class: 'invalid_request', message: 'Linear sent delegated issues of another shape' } as const;
    return err({ action: 'rejected', failure, said: [] });
  }
  const waiting = parsed.data.issues.nodes.filter(
    ({ updatedAt, creator, agentSessions }) =>
      Date.parse(updatedAt) <= settledBefore &&
      creator?.id !== appUserId &&
      !agentSessions.nodes.some(({ appUser }) => appUser?.id === appUserId),
  );
  return ok(waiting.map(({ id, identifier }) => ({ id, identifier })));
}
