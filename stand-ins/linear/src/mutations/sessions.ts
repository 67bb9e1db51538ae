import { sessionView } from '../control/views.ts';
import { invalidInput } from '../errors.ts';
import type { AgentSessionRow } from '../rows/tables.ts';
import { addAgentActivity } from '../sessions/activities.ts';
import { deleteSession } from '../sessions/close.ts';
import { changeLinks, checkChecklist, type LinkChanges } from '../sessions/links.ts';
import { openSession } from '../sessions/open.ts';
import { noteWrite } from '../sessions/stop.ts';
import type { Actor, World } from '../world.ts';
import { agentOnly, type LinearDocument as L, type Mutation, modelled } from './mutation.ts';

export const agentActivityCreate: Mutation<L.MutationAgentActivityCreateArgs> = (world, { input }, actor) => {
  agentOnly(world, actor);
  const doomed = world.faults.take('deleted-session') && world.store.find('AgentSession', input.agentSessionId);
  if (doomed) deleteSession(world, doomed);
  const fields = ['id', 'agentSessionId', 'content', 'ephemeral', 'signal', 'signalMetadata'] as const;
  const { agentSessionId, ...activity } = modelled('AgentActivityCreateInput', input, fields);
  return { agentActivity: addAgentActivity(world, world.store.get('AgentSession', agentSessionId), activity, actor) };
};

export const agentSessionUpdate: Mutation<L.MutationAgentSessionUpdateArgs> = (world, { id, input }, actor) => {
  const fields = ['plan', 'summary', 'externalUrls', 'addedExternalUrls', 'removedExternalUrls'] as const;
  const { plan, summary, ...links } = modelled('AgentSessionUpdateInput', input, fields);
  const checklist = plan === undefined ? undefined : checkChecklist(plan);
  const session = change(world, id, links, actor, 'agentSessionUpdate');
  world.store.update('AgentSession', session, {
    ...(checklist === undefined ? {} : { plan: checklist }),
    ...(summary === undefined ? {} : { summary }),
  });
  world.journal.add('session', { session: sessionView(world, session) });
  return { agentSession: session };
};

export const agentSessionUpdateExternalUrl: Mutation<L.MutationAgentSessionUpdateExternalUrlArgs> = (world, { id, input }, actor) => {
  const links = modelled('AgentSessionUpdateExternalUrlInput', input, ['externalUrls', 'addedExternalUrls', 'removedExternalUrls']);
  const session = change(world, id, links, actor, 'agentSessionUpdateExternalUrl');
  world.journal.add('session', { session: sessionView(world, session) });
  return { agentSession: session };
};

export const agentSessionCreateOnIssue: Mutation<L.MutationAgentSessionCreateOnIssueArgs> = (world, { input }, actor) => {
  agentOnly(world, actor);
  const { issueId, externalUrls } = modelled('AgentSessionCreateOnIssue', input, ['issueId', 'externalUrls']);
  return { agentSession: openSession(world, { issue: world.store.get('Issue', issueId), externalUrls }) };
};

export const agentSessionCreateOnComment: Mutation<L.MutationAgentSessionCreateOnCommentArgs> = (world, { input }, actor) => {
  agentOnly(world, actor);
  const { commentId, externalUrls } = modelled('AgentSessionCreateOnComment', input, ['commentId', 'externalUrls']);
  const root = world.store.get('Comment', commentId);
  if (root.parentId) throw invalidInput('Argument Validation Error', 'commentId must be a root comment.');
  return { agentSession: openSession(world, { issue: world.store.get('Issue', root.issueId), root, externalUrls }) };
};

function change(world: World, id: string, links: LinkChanges, actor: Actor, mutation: string): AgentSessionRow {
  agentOnly(world, actor);
  const session = world.store.get('AgentSession', id);
  changeLinks(world, session, links);
  noteWrite(world, session.issueId, mutation, actor.arrivedAt);
  return session;
}
