import { randomUUID } from 'node:crypto';
import { upsertAttachment } from '../attachments/upsert.ts';
import { createComment } from '../comments/create.ts';
import {
  type ActivityView,
  activityView,
  type CommentView,
  commentView,
  type IssueView,
  issueView,
  type SessionView,
  sessionView,
} from '../control/views.ts';
import { HttpError } from '../http/exchange.ts';
import { createIssue } from '../issues/create.ts';
import { archiveIssue, removeIssue } from '../issues/remove.ts';
import { updateIssue } from '../issues/update.ts';
import { seedTeam } from '../rows/seed.ts';
import type { AgentActivityRow, AgentSessionRow, IssueRow } from '../rows/tables.ts';
import { deleteSession, dismissSession } from '../sessions/close.ts';
import { addPrompt } from '../sessions/prompt.ts';
import { sendRevoked, sendTeamAccessChanged } from '../webhooks/events.ts';
import { type Actor, actAs, type FileTrouble, type World } from '../world.ts';
import { labelIds, projectId, stateId, teamOf, userNamed } from './names.ts';

/** Who acts: a person's name, by default Ada. */
export interface By {
  readonly as?: string;
}

export interface IssueFields {
  readonly title?: string;
  readonly description?: string;
  /** By name; a label that does not exist is created. */
  readonly labels?: readonly string[];
  /** A workflow state by name: `In Review`. */
  readonly state?: string;
  /** A project by name, created where it does not exist; `null` takes it away. */
  readonly project?: string | null;
  /** A person by name; `null` for nobody. */
  readonly assignee?: string | null;
  /** The identifier of the parent issue; `null` for none. */
  readonly parent?: string | null;
  readonly priority?: number;
}

export interface NewIssue extends IssueFields, By {
  readonly title: string;
  /** A team's key, by default the first team's. */
  readonly team?: string;
  /** Identifiers of issues that block it. */
  readonly blockedBy?: readonly string[];
  /** Delegates it to the agent at once. */
  readonly delegate?: boolean;
}

export interface NewFile extends By {
  readonly name: string;
  readonly contentType: string;
  /** Text, or with `base64` bytes. */
  readonly content?: string;
  readonly base64?: boolean;
  /** So many zero bytes instead of content. */
  readonly zeros?: number;
  /** What reading it meets instead of the content: another address, a status, a wait in milliseconds before the answer. */
  readonly trouble?: FileTrouble;
}

export interface Said {
  readonly activity: ActivityView;
  readonly session: SessionView;
}

/**
 * What people do in Linear's app. Issues are named by identifier or id, sessions by id.
 * Every method throws a GraphQLError or HttpError when something named does not exist or cannot be done.
 */
export class People {
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  createIssue(input: NewIssue): IssueView {
    const { world } = this;
    if (typeof input.title !== 'string' || !input.title) throw new HttpError(400, 'title is missing');
    const actor = this.actor(input);
    const team = teamOf(world, input.team);
    const columns = this.columns(input, team.id);
    const issue = createIssue(world, { ...columns, title: input.title, teamId: team.id }, actor);
    for (const blocker of input.blockedBy ?? []) this.relate(blocker, { type: 'blocks', to: issue.id });
    if (input.delegate) updateIssue(world, issue, { delegateId: world.app.id }, actor);
    return issueView(world, issue);
  }

  edit(issueId: string, changes: IssueFields & By): IssueView {
    const issue = this.issue(issueId);
    updateIssue(this.world, issue, this.columns(changes, issue.teamId), this.actor(changes));
    return issueView(this.world, issue);
  }

  /** Moves an issue to a state that ends it, by default `Done`. */
  close(issueId: string, input: By & { readonly state?: string } = {}): IssueView {
    return this.edit(issueId, { ...input, state: input.state ?? 'Done' });
  }

  reopen(issueId: string, input: By & { readonly state?: string } = {}): IssueView {
    return this.edit(issueId, { ...input, state: input.state ?? 'Todo' });
  }

  /** Deletes an issue with its sessions and comments. */
  remove(issueId: string, by: By = {}): void {
    removeIssue(this.world, this.issue(issueId), this.actor(by));
  }

  /** Archives an issue: it stays readable. */
  archive(issueId: string, by: By = {}): void {
    archiveIssue(this.world, this.issue(issueId), this.actor(by));
  }

  /** Links something on an issue. */
  attach(issueId: string, input: By & { readonly title: string; readonly url: string }): { readonly id: string; readonly url: string } {
    const { id, url } = upsertAttachment(
      this.world,
      { issueId: this.issue(issueId).id, title: input.title, url: input.url },
      this.actor(input),
    );
    return { id, url };
  }

  /** Uploads a file, as dropping one into a text does; texts refer to it by the address. */
  upload(file: NewFile): { readonly url: string } {
    const key = randomUUID();
    this.world.uploads.set(key, {
      contentType: file.contentType,
      body: file.zeros === undefined ? Buffer.from(file.content ?? '', file.base64 ? 'base64' : 'utf8') : Buffer.alloc(file.zeros),
      ...(file.trouble ? { trouble: file.trouble } : {}),
    });
    return { url: `${this.world.baseUrl()}/assets/${key}/${encodeURIComponent(file.name)}` };
  }

  /** Delegates an issue to the agent: its delegate is set, not its assignee, and a session opens. */
  delegate(issueId: string, by: By = {}): { issue: IssueView; session: SessionView | null } {
    const { world } = this;
    const issue = this.issue(issueId);
    if (issue.delegateId === world.app.id) throw new HttpError(409, `${issue.identifier} is already delegated`);
    updateIssue(world, issue, { delegateId: world.app.id }, this.actor(by));
    const session = this.newestSession(issue);
    return { issue: issueView(world, issue), session: session ? sessionView(world, session) : null };
  }

  undelegate(issueId: string, by: By = {}): IssueView {
    const issue = this.issue(issueId);
    updateIssue(this.world, issue, { delegateId: null }, this.actor(by));
    return issueView(this.world, issue);
  }

  /** Comments on an issue. With `mention` the agent is addressed; with `parent` it is a reply. */
  comment(
    issueId: string,
    input: By & { readonly body: string; readonly mention?: boolean; readonly parent?: string; readonly id?: string },
  ): { comment: CommentView; session: SessionView | null } {
    const { world } = this;
    const issue = this.issue(issueId);
    const at = `@${world.app.displayName}`;
    const body = input.mention && !input.body.includes(at) ? `${at} ${input.body}` : input.body;
    const comment = createComment(world, { id: input.id, issueId: issue.id, parentId: input.parent, body }, this.actor(input));
    const session = world.store.where('AgentSession', 'commentId', comment.parentId ?? comment.id).at(-1);
    return { comment: commentView(world, comment), session: session ? sessionView(world, session) : null };
  }

  /** `type` blocks: the first issue blocks the issue `to`. */
  relate(issueId: string, relation: { readonly type: string; readonly to: string }): IssueView {
    const { world } = this;
    const [from, to] = [this.issue(issueId), this.issue(relation.to)];
    world.store.insert('IssueRelation', { type: relation.type, issueId: from.id, relatedIssueId: to.id });
    return issueView(world, to);
  }

  /** Says something in a session. */
  prompt(sessionId: string, input: By & { readonly body: string }): Said {
    return this.say(this.session(sessionId), input.body, false, input);
  }

  /** Presses stop. */
  stop(sessionId: string, input: By & { readonly body?: string } = {}): Said {
    return this.say(this.session(sessionId), input.body ?? 'stop', true, input);
  }

  /** Answers the open question: with free text, or by an option's value or label where the agent offered a choice. */
  answer(sessionId: string, input: By & { readonly body?: string; readonly value?: string }): Said {
    const session = this.session(sessionId);
    const question = this.world.store.where('AgentActivity', 'agentSessionId', session.id).at(-1);
    if (session.status !== 'awaitingInput' || !question) throw new HttpError(409, `the session asks nothing, it is ${session.status}`);
    return this.say(session, input.body ?? chosen(question, input.value), false, input);
  }

  dismiss(sessionId: string, by: By = {}): SessionView {
    const session = this.session(sessionId);
    dismissSession(this.world, session, this.actor(by));
    return sessionView(this.world, session);
  }

  deleteSession(sessionId: string): void {
    deleteSession(this.world, this.session(sessionId));
  }

  createTeam(input: { readonly key: string; readonly name?: string }): { id: string; key: string } {
    const team = seedTeam(this.world.store, this.world.organization, input.key, input.name ?? input.key);
    return { id: team.id, key: team.key };
  }

  /** Answers the newest authorize page: where the browser is sent. */
  authorize(input: { readonly deny?: boolean } = {}): { redirect: string } {
    return { redirect: this.world.authorizations.decide(input.deny !== true) };
  }

  /** Removes the agent from the workspace: its tokens die. */
  revokeApp(): void {
    this.world.tokens.revokeApp();
    sendRevoked(this.world);
  }

  /** Gives and takes the agent's access to teams, by key, and tells it. An issue of a team it may not see is not found. */
  changeTeamAccess(input: { readonly added?: readonly string[]; readonly removed?: readonly string[] }): void {
    const ids = (keys: readonly string[] = []): string[] => keys.map((key) => teamOf(this.world, key).id);
    const { hiddenTeams } = this.world;
    for (const id of ids(input.added)) hiddenTeams.delete(id);
    for (const id of ids(input.removed)) hiddenTeams.add(id);
    sendTeamAccessChanged(this.world, ids(input.added), ids(input.removed));
  }

  private say(session: AgentSessionRow, body: string, stop: boolean, by: By): Said {
    if (typeof body !== 'string') throw new HttpError(400, 'body is missing');
    const activity = addPrompt(this.world, session, { body, stop }, this.actor(by));
    return { activity: activityView(this.world, activity), session: sessionView(this.world, session) };
  }

  private columns(fields: IssueFields, teamId: string): Readonly<Record<string, unknown>> {
    const { world } = this;
    const { title, description, labels, state, project, assignee, parent, priority } = fields;
    return {
      title,
      description,
      priority,
      labelIds: labels && labelIds(world, labels),
      stateId: state && stateId(world, teamId, state),
      projectId: project ? projectId(world, project) : project,
      assigneeId: assignee ? userNamed(world, assignee).id : assignee,
      parentId: parent ? this.issue(parent).id : parent,
    };
  }

  private actor(by: By): Actor {
    return actAs(userNamed(this.world, by.as ?? this.world.ada.name));
  }

  private issue(id: string): IssueRow {
    const issue = this.world.store.find('Issue', id);
    if (!issue) throw new HttpError(404, `no issue ${id}`);
    return issue;
  }

  private session(id: string): AgentSessionRow {
    const session = this.world.store.find('AgentSession', id);
    if (!session) throw new HttpError(404, `no session ${id}`);
    return session;
  }

  private newestSession(issue: IssueRow): AgentSessionRow | undefined {
    return this.world.store.where('AgentSession', 'issueId', issue.id).at(-1);
  }
}

function chosen(question: AgentActivityRow, value: string | undefined): string {
  const options = (question.signalMetadata?.['options'] ?? []) as readonly { readonly value: string; readonly label?: string }[];
  const option = options.find((each) => each.value === value || (value !== undefined && each.label === value));
  if (!option) throw new HttpError(400, `give a body, or a value of ${options.map((each) => each.value).join(', ') || 'no options'}`);
  return option.label ?? option.value;
}
