import type { VariableNames } from './template.ts';

interface Variable {
  readonly list?: boolean;
  /** The same for every issue and message of a repository: the provider's cache can hold it. */
  readonly stable: boolean;
  readonly about: string;
}

const stable = (about: string, list = false): Variable => ({ stable: true, about, ...(list ? { list } : {}) });
const own = (about: string, list = false): Variable => ({ stable: false, about, ...(list ? { list } : {}) });

export type PromptVariable =
  | 'procedure'
  | 'repository.id'
  | 'baseBranch'
  | 'commits'
  | 'documentationPaths'
  | 'rules'
  | 'checks'
  | 'instructions'
  | 'guidance'
  | 'notes'
  | 'branch'
  | 'issue'
  | 'issue.identifier'
  | 'issue.title'
  | 'issue.description'
  | 'issue.url'
  | 'issue.state'
  | 'issue.team'
  | 'issue.project'
  | 'issue.priority'
  | 'issue.labels'
  | 'links'
  | 'attachments'
  | 'comments'
  | 'messages'
  | 'followUp'
  | 'learned';

/** Everything the template of a procedure may name. What has marks keeps them wherever it is put. */
export const promptVariables: Readonly<Record<PromptVariable, Variable>> = {
  procedure: stable('builder, debugger, scoper, documentation or orchestrator'),
  'repository.id': stable("the repository's id in the configuration"),
  baseBranch: stable('the branch that the work goes to'),
  commits: stable('set where the procedure ends with commits'),
  documentationPaths: stable('what a documentation task may change'),
  rules: stable('the rules of every task'),
  checks: stable('the commands that decide whether the work is accepted', true),
  instructions: stable("the repository's appendInstruction"),
  guidance: stable('guidance that the workspace gives agents'),
  notes: stable('CLAUDE.md or AGENTS.md of the base commit'),
  branch: own('the branch of the work'),
  issue: own('the issue: title and description, with its facts'),
  'issue.identifier': own('such as ENG-1'),
  'issue.title': own('one line'),
  'issue.description': own('as a block'),
  'issue.url': own('its address'),
  'issue.state': own('its workflow state'),
  'issue.team': own("the team's key"),
  'issue.project': own("the project's name"),
  'issue.priority': own('such as High'),
  'issue.labels': own('its labels', true),
  links: own('parents, blockers, related issues, sub-issues, links'),
  attachments: own('files that people attached'),
  comments: own('comments on the issue', true),
  messages: own('what people said to the agent', true),
  followUp: own('set when finished work is gone on with: says so'),
  learned: own('what the attempt before taught'),
};

const all: Readonly<Record<string, Variable>> = promptVariables;
export const promptVariableNames: VariableNames = all;
export const isStable = (name: string): boolean => name === 'this' || all[name]?.stable === true;

/** What is said even where a template does not place it, in this order. */
export const alwaysSaid: readonly PromptVariable[] = [
  'rules',
  'checks',
  'instructions',
  'guidance',
  'notes',
  'issue',
  'links',
  'attachments',
  'comments',
  'messages',
  'followUp',
  'learned',
];

/** Which variables say another one in parts: a template that names all of them has placed it. */
export const partsOf: Readonly<Partial<Record<PromptVariable, readonly PromptVariable[]>>> = {
  issue: ['issue.title', 'issue.description'],
};
