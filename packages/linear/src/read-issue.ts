import type { Issue, IssueDetails } from 'cyrus-core/domain/issue';
import { err, ok, type Result } from 'cyrus-core/result';
import { z } from 'zod';
import { cleanLine, cleanText } from './clean.ts';
import type { LinearClient } from './client.ts';
import * as documents from './documents.ts';
import { isStubComment } from './events.ts';
import type { LinearProblem } from './problem.ts';

export interface RelatedIssue {
  readonly id: string;
  readonly identifier: string;
  /** The type of its workflow state: `started`, `completed`, `canceled`, … */
  readonly stateType: string;
}

/** All that one query tells of an issue. Lists are cut at Linear's page: 30 labels, children, relations, comments. */
export interface LinearIssueDetails extends IssueDetails {
  readonly branchName: string;
  /** 0 none, 1 urgent, 2 high, 3 medium, 4 low. */
  readonly priority: number;
  readonly teamId: string;
  readonly parent: { readonly id: string; readonly identifier: string; readonly title: string } | null;
  readonly children: readonly RelatedIssue[];
  /** Issues that block this one and are not finished. */
  readonly blockedBy: readonly RelatedIssue[];
  /** The latest, oldest first, without the comment that Linear writes as root of a delegation. */
  readonly comments: readonly { readonly id: string; readonly author: string; readonly body: string; readonly createdAt: string }[];
  readonly attachments: readonly {
    readonly id: string;
    readonly title: string;
    readonly url: string;
    readonly sourceType: string | null;
  }[];
}

export interface LinearIssue extends Issue {
  readonly details: LinearIssueDetails;
}

const text = z
  .string()
  .nullish()
  .transform((value) => cleanText(value ?? ''));
const line = z
  .string()
  .nullish()
  .transform((value) => cleanLine(value ?? '', 2000));
const entity = z.object({ id: z.string() });
const state = z.object({ id: z.string(), name: line, type: z.string(), position: z.number() });
const related = z.object({ id: z.string(), identifier: z.string(), state: z.object({ type: z.string() }) });
const list = <T extends z.ZodType>(node: T): z.ZodObject<{ nodes: z.ZodArray<T> }> => z.object({ nodes: z.array(node) });
const named = z.object({ name: line }).nullish();

const shape = z.object({
  organization: entity,
  issue: z.object({
    id: z.string(),
    identifier: z.string(),
    title: line,
    description: text,
    url: z.string(),
    branchName: z.string(),
    priority: z.number(),
    state,
    labels: list(z.object({ name: line })),
    team: z.object({ id: z.string(), key: z.string(), states: list(state) }),
    project: z.object({ id: z.string(), name: line }).nullish(),
    parent: z.object({ id: z.string(), identifier: z.string(), title: line }).nullish(),
    children: list(related),
    inverseRelations: list(z.object({ type: z.string(), issue: related })),
    delegate: entity.nullish(),
    assignee: entity.nullish(),
    comments: list(
      z.object({
        id: z.string(),
        body: text,
        createdAt: z.string(),
        isArtificialAgentSessionRoot: z.boolean().nullish(),
        user: z.object({ id: z.string(), name: line }).nullish(),
        botActor: named,
        externalUser: named,
      }),
    ),
    attachments: list(z.object({ id: z.string(), title: line, url: z.string(), sourceType: z.string().nullish() })),
  }),
});
type Read = z.output<typeof shape>;

/**
 * Reads an issue with everything routing and prompts need, in one query of about 270 points.
 * @param id UUID or identifier (`ENG-1`)
 */
export async function readIssue(client: LinearClient, id: string, signal?: AbortSignal): Promise<Result<LinearIssue, LinearProblem>> {
  const answer = await client.request(documents.readIssue, { id }, signal);
  if (!answer.ok) return answer;
  const parsed = shape.safeParse(answer.value);
  if (parsed.success) return ok(issueOf(parsed.data));
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  return err({
    action: 'rejected',
    failure: { class: 'invalid_request', message: `Linear sent an issue of another shape: ${where}` },
    said: [],
  });
}

function issueOf({ organization, issue }: Read): LinearIssue {
  return {
    id: issue.id,
    workspace: organization.id,
    identifier: issue.identifier,
    title: issue.title,
    description: issue.description,
    url: issue.url,
    details: {
      state: issue.state,
      teamStates: [...issue.team.states.nodes].sort((a, b) => a.position - b.position),
      teamKey: issue.team.key,
      teamId: issue.team.id,
      projectName: issue.project?.name ?? null,
      projectId: issue.project?.id ?? null,
      labels: issue.labels.nodes.map(({ name }) => name),
      assigneeId: issue.assignee?.id ?? null,
      delegateId: issue.delegate?.id ?? null,
      hasChildren: issue.children.nodes.length > 0,
      hasParent: !!issue.parent,
      branchName: issue.branchName,
      priority: issue.priority,
      parent: issue.parent ?? null,
      children: issue.children.nodes.map(relatedOf),
      blockedBy: issue.inverseRelations.nodes
        .filter(({ type }) => type === 'blocks')
        .map(({ issue: blocker }) => relatedOf(blocker))
        .filter(({ stateType }) => !['completed', 'canceled', 'duplicate'].includes(stateType)),
      comments: commentsOf(issue.comments.nodes),
      attachments: issue.attachments.nodes.map((attachment) => ({ ...attachment, sourceType: attachment.sourceType ?? null })),
    },
  };
}

const relatedOf = (issue: z.output<typeof related>): RelatedIssue => ({
  id: issue.id,
  identifier: issue.identifier,
  stateType: issue.state.type,
});

function commentsOf(nodes: Read['issue']['comments']['nodes']): LinearIssueDetails['comments'] {
  return (
    nodes
      .filter(({ isArtificialAgentSessionRoot, body }) => !isArtificialAgentSessionRoot && !isStubComment(body))
      .map(({ id, body, createdAt, user, botActor, externalUser }) => ({
        id,
        author: user?.name || botActor?.name || externalUser?.name || 'someone',
        body,
        createdAt,
      }))
      // Linear sends the newest first; turned round before the (stable) sort, those of one millisecond keep their order.
      .reverse()
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))
  );
}
