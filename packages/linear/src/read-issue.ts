import type { Blocker, Issue, IssueDetails, LinkedIssue } from 'cyrus-core/domain/issue';
import { err, ok, type Result } from 'cyrus-core/result';
import { z } from 'zod';
import { cleanLine, cleanText } from './clean.ts';
import type { LinearClient } from './client.ts';
import * as documents from './documents.ts';
import { isStubComment } from './events.ts';
import type { LinearProblem } from './problem.ts';

/** Everything that one query tells of an issue; what a list holds beyond its page is named in `cut`. */
export interface LinearIssue extends Issue {
  readonly details: Required<IssueDetails>;
}

/** How many of each are read, as the query asks: Linear charges a connection by its page, not by what is in it. */
const page = { labels: 20, states: 25, children: 10, relations: 10, inverseRelations: 12, comments: 20, attachments: 12 } as const;

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
const linked = z.object({ identifier: z.string(), title: line, state: z.object({ type: z.string() }).nullish() });
const list = <T extends z.ZodType>(node: T): z.ZodObject<{ nodes: z.ZodArray<T> }> => z.object({ nodes: z.array(node) });
const named = z.object({ name: line }).nullish();
const parent = z.object({
  id: z.string(),
  identifier: z.string(),
  title: line,
  get parent() {
    return parent.nullish();
  },
});

const shape = z.object({
  viewer: z.object({ id: z.string(), app: z.boolean().nullish() }),
  organization: entity,
  issue: z.object({
    id: z.string(),
    identifier: z.string(),
    title: line,
    description: text,
    url: z.string(),
    priorityLabel: line,
    estimate: z.number().nullish(),
    updatedAt: z.string(),
    state,
    labels: list(z.object({ name: line })),
    team: z.object({ id: z.string(), key: z.string(), states: list(state) }),
    project: z.object({ id: z.string(), name: line }).nullish(),
    creator: entity.nullish(),
    delegate: entity.nullish(),
    assignee: entity.nullish(),
    parent: parent.nullish(),
    children: list(linked),
    relations: list(z.object({ type: z.string(), relatedIssue: linked })),
    inverseRelations: list(z.object({ type: z.string(), issue: linked.extend({ id: z.string() }) })),
    comments: list(
      z.object({
        body: text,
        createdAt: z.string(),
        isArtificialAgentSessionRoot: z.boolean().nullish(),
        user: named,
        botActor: named,
        externalUser: named,
      }),
    ),
    attachments: list(z.object({ title: line, url: z.string(), creator: entity.nullish() })),
  }),
});
type Read = z.output<typeof shape>;
type ReadIssue = Read['issue'];

/**
 * Reads an issue with everything routing and prompts need, in one query of about 300 points.
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

function issueOf({ viewer, organization, issue }: Read): LinearIssue {
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
      creatorId: issue.creator?.id ?? null,
      hasChildren: issue.children.nodes.length > 0,
      hasParent: !!issue.parent,
      ancestors: ancestorsOf(issue.parent),
      subIssues: issue.children.nodes.map((child) => linkedOf(child, 'sub-issue')),
      blockedBy: blockersOf(issue),
      related: relatedOf(issue),
      // Linear calls what was never set "No priority".
      estimate: issue.estimate ?? null,
      priority: issue.priorityLabel === '' || issue.priorityLabel === 'No priority' ? null : issue.priorityLabel,
      comments: commentsOf(issue.comments.nodes),
      attachments: issue.attachments.nodes
        // What the app itself attached are the pull requests it opened.
        .filter(({ creator }) => !(viewer.app && creator?.id === viewer.id))
        .map(({ title, url }) => ({ title, url })),
      cut: cutOf(issue),
      updatedAt: issue.updatedAt,
    },
  };
}

function ancestorsOf(nearest: z.output<typeof parent> | null | undefined): { id: string; identifier: string; title: string }[] {
  if (!nearest) return [];
  const { id, identifier, title } = nearest;
  return [{ id, identifier, title }, ...ancestorsOf(nearest.parent)];
}

const linkedOf = (issue: z.output<typeof linked>, relation: string): LinkedIssue => ({
  identifier: issue.identifier,
  title: issue.title,
  stateType: issue.state?.type ?? null,
  relation,
});

function blockersOf({ inverseRelations }: ReadIssue): Blocker[] {
  return inverseRelations.nodes
    .filter(({ type }) => type === 'blocks')
    .map(({ issue }) => ({ id: issue.id, identifier: issue.identifier, title: issue.title, stateType: issue.state?.type ?? null }));
}

function relatedOf({ relations, inverseRelations }: ReadIssue): LinkedIssue[] {
  const outward = relations.nodes.map(({ type, relatedIssue }) => linkedOf(relatedIssue, type === 'duplicate' ? 'duplicate of' : type));
  const inward = inverseRelations.nodes
    .filter(({ type }) => type !== 'blocks')
    .map(({ type, issue }) => linkedOf(issue, type === 'duplicate' ? 'duplicated by' : type));
  return [...outward, ...inward];
}

function commentsOf(nodes: ReadIssue['comments']['nodes']): { author: string; body: string }[] {
  return (
    nodes
      .filter(({ isArtificialAgentSessionRoot, body }) => !isArtificialAgentSessionRoot && !isStubComment(body))
      // Linear sends the newest first; turned round before the (stable) sort, those of one millisecond keep their order.
      .reverse()
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0))
      .map(({ body, user, botActor, externalUser }) => ({ author: user?.name || botActor?.name || externalUser?.name || 'someone', body }))
  );
}

/** A page that is full may not be all there is. */
function cutOf(issue: ReadIssue): string[] {
  const full = (nodes: readonly unknown[], size: number): boolean => nodes.length >= size;
  return [
    full(issue.comments.nodes, page.comments) && `comments before the last ${page.comments}`,
    full(issue.labels.nodes, page.labels) && `labels after the first ${page.labels}`,
    full(issue.children.nodes, page.children) && `sub-issues after the first ${page.children}`,
    (full(issue.relations.nodes, page.relations) || full(issue.inverseRelations.nodes, page.inverseRelations)) &&
      `relations to other issues after the first ${page.relations}`,
    full(issue.attachments.nodes, page.attachments) && `attachments after the first ${page.attachments}`,
  ].filter((note) => note !== false);
}
