import type { AgentSessionRow, CommentRow, IssueRow } from '../rows/tables.ts';
import type { World } from '../world.ts';

/**
 * The request as Linear words it for the agent: XML-like text with the issue, its thread and the guidance.
 * @see https://linear.app/developers/agent-interaction, "promptContext"
 */
export function promptContext(world: World, issue: IssueRow, session: AgentSessionRow): string {
  const { store } = world;
  const team = store.get('Team', issue.teamId);
  const parent = store.find('Issue', issue.parentId);
  const project = store.find('Project', issue.projectId);
  const root = store.find('Comment', session.commentId);
  const thread = root && !root.isArtificialAgentSessionRoot ? [root, ...store.where('Comment', 'parentId', root.id)] : [];
  const others = store
    .where('Comment', 'issueId', issue.id)
    .filter((comment) => !comment.parentId && !comment.isArtificialAgentSessionRoot && comment.id !== root?.id);
  const lines = [
    `<issue identifier="${issue.identifier}">`,
    `<title>${escapeText(issue.title)}</title>`,
    `<description>${escapeText(issue.description ?? '')}</description>`,
    `<team name="${escapeText(team.name)}"/>`,
    ...issue.labelIds.map((id) => `<label>${escapeText(store.get('IssueLabel', id).name)}</label>`),
    ...(parent
      ? [`<parent-issue identifier="${parent.identifier}">`, `<title>${escapeText(parent.title)}</title>`, '</parent-issue>']
      : []),
    ...(project ? [`<project name="${escapeText(project.name)}">${escapeText(project.description)}</project>`] : []),
    '</issue>',
    ...(root && thread.length ? threadLines(world, 'primary-directive-thread', root, thread) : []),
    ...others.flatMap((comment) =>
      threadLines(world, 'other-thread', comment, [comment, ...store.where('Comment', 'parentId', comment.id)]),
    ),
    ...guidanceLines(world, team.name),
  ];
  return lines.join('\n');
}

function threadLines(world: World, tag: string, root: CommentRow, comments: readonly CommentRow[]): string[] {
  const line = (comment: CommentRow): string => {
    const author = world.store.find('User', comment.userId)?.name ?? 'Linear';
    const at = comment.createdAt.slice(0, 19).replace('T', ' ');
    return `<comment author="${escapeText(author)}" created-at="${at}">\n${escapeText(comment.body)}\n</comment>`;
  };
  return ['', `<${tag} comment-id="${root.id}">`, ...comments.map(line), `</${tag}>`];
}

function guidanceLines(world: World, team: string): string[] {
  if (world.options.guidance.length === 0) return [];
  const rules = world.options.guidance.map(
    (body) => `<guidance-rule origin="team" team-name="${escapeText(team)}">\n${escapeText(body)}\n</guidance-rule>`,
  );
  return ['', '<guidance>', ...rules, '</guidance>'];
}

const escapes: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };
const escapeText = (text: string): string => text.replace(/[<>&"]/g, (character) => escapes[character] ?? character);
