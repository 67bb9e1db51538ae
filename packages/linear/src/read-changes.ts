import { err, ok, type Result } from 'cyrus-core/result';
import { z } from 'zod';
import type { LinearClient } from './client.ts';
import { parseEvent } from './parse-event.ts';
import type { LinearProblem } from './problem.ts';
import type { Finding } from './read-sessions.ts';

/** About 6 points an issue. */
export const issueStates: string = `
query IssueStates($ids: [ID!]!, $count: Int!) {
  organization { id }
  issues(first: $count, includeArchived: true, filter: { id: { in: $ids } }) {
    nodes { id identifier title description url updatedAt archivedAt trashed state { id name type } delegate { id } team { id key } }
  }
}`;

export const issueThere: string = `
query IssueThere($id: String!) {
  issue(id: $id) { id }
}`;

/** What is known here of an issue. */
export interface KnownWords {
  readonly id: string;
  readonly identifier: string;
  readonly title: string;
  readonly description: string;
  /** Null: never read. */
  readonly stateType: string | null;
  readonly delegateId: string | null;
}

const mostAtOnce = 50;
const shape = z.object({
  organization: z.object({ id: z.string() }),
  issues: z.object({
    nodes: z.array(
      z.looseObject({
        id: z.string(),
        updatedAt: z.string(),
        archivedAt: z.string().nullish(),
        trashed: z.boolean().nullish(),
        delegate: z.object({ id: z.string() }).nullish(),
      }),
    ),
  }),
});

/**
 * How these issues differ from what is known of them, as the events that would have told it; who changed them is not to be had. An
 * issue that Linear does not name is gone, or out of sight. What changed after `settledBefore` is left to its webhook, which knows more.
 * @param now by Linear's clock, in epoch milliseconds
 */
export async function findIssueChanges(
  client: LinearClient,
  known: readonly KnownWords[],
  times: { readonly now: number; readonly settledBefore: number },
  signal?: AbortSignal,
): Promise<Result<readonly Finding[], LinearProblem>> {
  const findings: Finding[] = [];
  for (let from = 0; from < known.length; from += mostAtOnce) {
    const asked = known.slice(from, from + mostAtOnce);
    const answer = await client.request(issueStates, { ids: asked.map(({ id }) => id), count: asked.length }, signal);
    if (!answer.ok) return answer;
    const parsed = shape.safeParse(answer.value);
    if (!parsed.success) {
      const failure = { class: 'invalid_request', message: 'Linear sent issues of another shape' } as const;
      return err({ action: 'rejected', failure, said: [] });
    }
    const { organization, issues } = parsed.data;
    for (const issue of asked) {
      const node = issues.nodes.find(({ id }) => id === issue.id);
      // Work is not ended for a list that may be short.
      if (!node && !(await isGone(client, issue.id, signal))) continue;
      const body = difference(issue, node, times);
      if (!body) continue;
      const whole = { type: 'Issue', organizationId: organization.id, actor: null, ...body };
      findings.push({ event: parseEvent(whole), body: whole, at: times.now, issueId: issue.id, sessionId: null, status: null });
    }
  }
  return ok(findings);
}

async function isGone(client: LinearClient, id: string, signal: AbortSignal | undefined): Promise<boolean> {
  const answer = await client.request(issueThere, { id }, signal);
  return !answer.ok && answer.error.action === 'rejected' && answer.error.said.some((text) => /not found/i.test(text));
}

type Node = z.output<typeof shape>['issues']['nodes'][number];

/** The body of the webhook that would have told it; undefined where there is nothing to tell. */
function difference(
  known: KnownWords,
  node: Node | undefined,
  { now, settledBefore }: { readonly now: number; readonly settledBefore: number },
): Readonly<Record<string, unknown>> | undefined {
  if (!node || node.archivedAt || node.trashed) {
    const { id, identifier } = known;
    return { action: 'remove', createdAt: new Date(node ? Date.parse(node.updatedAt) : now).toISOString(), data: { id, identifier } };
  }
  if (Date.parse(node.updatedAt) > settledBefore) return undefined;
  const delegateId = node.delegate?.id ?? null;
  const event = parseEvent({ type: 'Issue', action: 'update', organizationId: 'x', data: { ...node, delegateId } });
  if (event.type !== 'issue-updated') return undefined;
  const { title, description, state } = event.facts;
  const taken = known.stateType !== null && known.delegateId !== delegateId ? { delegateId: known.delegateId } : {};
  const same =
    title === known.title &&
    description === known.description &&
    (known.stateType === null || state?.type === known.stateType) &&
    !('delegateId' in taken);
  return same ? undefined : { action: 'update', updatedFrom: taken, data: { ...node, delegateId } };
}
