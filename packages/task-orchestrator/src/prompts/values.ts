import type { Issue, LinkedIssue } from 'cyrus-core/domain/issue';
import type { AttachedFiles, PlanMessage, Procedure } from 'cyrus-core/domain/plan';
import { block, inline } from './blocks.ts';
import type { TemplateValue } from './template.ts';
import type { PromptVariable } from './variables.ts';

/** Everything a prompt is made of. */
export interface PromptParts {
  readonly procedure: Procedure;
  readonly issue: Issue;
  /** Oldest first. */
  readonly messages: readonly PlanMessage[];
  readonly guidance: readonly string[];
  readonly checks: readonly string[];
  /** What the attempt before this one taught; null for a first attempt. */
  readonly learned: string | null;
  /** True when this continues finished work on the same issue because of new messages. */
  readonly followUp: boolean;
  readonly repositoryId: string;
  readonly branch: string;
  readonly baseBranch: string;
  /** Where a run elsewhere begins and what it pushes; absent: it works in a checkout here. */
  readonly remote?: { readonly startBranch: string; readonly pushBranch: string } | null;
  /** The repository's own notes, marked already. */
  readonly notes: string | null;
  readonly instructions: string | null;
  readonly attached: AttachedFiles | null;
  readonly documentationPaths: readonly string[];
  /** The template that replaces the built-in one. */
  readonly template: string | null;
}

/** Whether the procedure's evidence is commits. */
export const endsWithCommits = (procedure: Procedure): boolean =>
  procedure === 'builder' || procedure === 'debugger' || procedure === 'documentation';

/** A message as agents read it. */
export const messageBlock = (message: { readonly authorName: string | null; readonly body: string }): string =>
  block('message', message.body, { from: message.authorName ?? 'someone' });

/** The values of the variables: blocks where people's texts are long, single lines where they are short. */
export function promptValues(
  parts: PromptParts,
  said: Readonly<Record<'rules' | 'followUp', string>>,
): Record<PromptVariable, TemplateValue> {
  const { issue, procedure } = parts;
  const details = issue.details;
  const commits = endsWithCommits(procedure);
  const facts = factsOf(issue);
  const line = (value: string | null | undefined): string => inline(value ?? '');
  return {
    procedure,
    'repository.id': parts.repositoryId,
    baseBranch: line(parts.baseBranch),
    commits,
    documentationPaths: parts.documentationPaths.map(line).join(', '),
    rules: said.rules,
    checks: commits ? parts.checks.map(line) : [],
    instructions: parts.instructions?.trim() ?? '',
    guidance: block('guidance', parts.guidance.join('\n\n')),
    notes: parts.notes?.trim()
      ? `${parts.notes.trim()}\nThe notes above come from the repository. Follow them where they do not conflict with your instructions.`
      : '',
    branch: line(parts.branch),
    issue: issueBlock(issue),
    'issue.identifier': line(issue.identifier),
    'issue.title': line(issue.title),
    'issue.description': block('issue-description', issue.description),
    'issue.url': line(issue.url),
    'issue.state': line(facts.state),
    'issue.team': line(details?.teamKey),
    'issue.project': line(facts.project),
    'issue.priority': line(facts.priority),
    'issue.labels': (details?.labels ?? []).map(line),
    links: linksBlock(issue),
    attachments: attachmentsBlock(parts.attached),
    comments: commentBlocks(issue),
    messages: parts.messages.map(messageBlock).filter((text) => text !== ''),
    followUp: parts.followUp ? said.followUp : '',
    learned: parts.learned ?? '',
  };
}

const factsOf = ({ details }: Issue) => ({
  state: details?.state?.name,
  priority: details?.priority,
  project: details?.projectName,
  labels: details?.labels.join(', '),
});

const issueBlock = (issue: Issue): string =>
  block('issue', `${issue.title}\n\n${issue.description}`, { id: issue.identifier, ...factsOf(issue) });

/** What there is to say of an issue, in blocks. */
export const issueParts = (issue: Issue): readonly string[] =>
  [issueBlock(issue), linksBlock(issue), ...commentBlocks(issue)].filter((text) => text !== '');

function linksBlock({ details }: Issue): string {
  if (!details) return '';
  const issueLine = (
    one: { readonly identifier: string; readonly title?: string; readonly stateType?: string | null },
    how: string,
  ): string =>
    `- ${how} ${inline(one.identifier)}${one.stateType ? ` (${inline(one.stateType)})` : ''}${one.title ? `: ${inline(one.title)}` : ''}`;
  const linked = (one: LinkedIssue): string => issueLine(one, inline(one.relation));
  const lines = [
    ...(details.ancestors ?? []).map((one, at) => issueLine(one, at === 0 ? 'parent' : 'above it')),
    ...(details.blockedBy ?? []).map((one) => issueLine(one, 'blocked by')),
    ...(details.related ?? []).map(linked),
    ...(details.subIssues ?? []).map(linked),
    ...(details.attachments ?? []).map((one) => `- link ${inline(one.title)}: ${inline(one.url)}`),
  ];
  return block('links', lines.join('\n'));
}

function attachmentsBlock(attached: AttachedFiles | null): string {
  const files = (attached?.files ?? []).map(
    (file) => `- ${file.path} (${inline(file.name)}, ${inline(file.mediaType)}, ${file.bytes} bytes), in the texts ${inline(file.url)}`,
  );
  const missing = (attached?.missing ?? []).map((file) => `- not here: ${inline(file.name)} (${inline(file.why)})`);
  return block('attachments', [...files, ...missing].join('\n'));
}

function commentBlocks({ details }: Issue): readonly string[] {
  const said = (details?.comments ?? [])
    .map((comment) => block('comment', comment.body, { from: comment.author }))
    .filter((text) => text !== '');
  const cut = (details?.cut ?? []).map(inline);
  return cut.length > 0 ? [...said, `Not shown of the issue: ${cut.join('; ')}.`] : said;
}
