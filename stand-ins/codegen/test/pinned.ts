import type { OperationName } from '../src/operations.ts';

/** A JSON schema, without titles, words and defaults. */
export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const int: Schema = { type: 'integer' };
const yesNo: Schema = { type: 'boolean' };
const record: Schema = { additionalProperties: true, type: 'object' };
const nullable = (...schemas: readonly Schema[]): Schema => ({ anyOf: [...schemas, { type: 'null' }] });
const list = (items: Schema): Schema => ({ items, type: 'array' });
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const object = (properties: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema => ({
  properties,
  type: 'object',
  ...(required.length > 0 ? { required } : {}),
});
const page = (of: string): Schema =>
  object({ items: list(ref(of)), total: int, page: int, size: int, pages: int }, 'items', 'total', 'page', 'size', 'pages');
const error = object({ message: text, status_code: int });
const sources = [
  ...['LOCAL', 'SLACK', 'GITHUB', 'GITHUB_CHECK_SUITE', 'GITHUB_PR_REVIEW', 'LINEAR', 'API', 'CHAT', 'JIRA', 'CLICKUP', 'MONDAY'],
  'SETUP_COMMANDS',
];
const head = {
  id: int,
  organization_id: int,
  status: nullable(text),
  created_at: nullable(text),
  web_url: nullable(text),
  result: nullable(text),
};

/** What the service's published description says of the calls that are used, as of its last version. */
export const schemas: Readonly<Record<string, Schema>> = {
  UserResponse: object(
    {
      id: int,
      email: nullable(text),
      github_user_id: text,
      github_username: text,
      avatar_url: nullable(text),
      full_name: nullable(text),
      role: nullable(text),
      is_admin: nullable(yesNo),
    },
    ...['id', 'github_user_id', 'github_username'],
  ),
  OrganizationSettings: object({ enable_pr_creation: yesNo, enable_rules_detection: yesNo }),
  OrganizationResponse: object({ id: int, name: text, settings: ref('OrganizationSettings') }, 'id', 'name', 'settings'),
  Page_OrganizationResponse_: page('OrganizationResponse'),
  RepoResponse: object(
    {
      id: int,
      name: text,
      full_name: text,
      description: nullable(text),
      github_id: text,
      organization_id: int,
      visibility: nullable(text),
      archived: nullable(yesNo),
      setup_status: text,
      language: nullable(text),
    },
    ...['id', 'name', 'full_name', 'description', 'github_id', 'organization_id', 'visibility', 'archived', 'setup_status', 'language'],
  ),
  Page_RepoResponse_: page('RepoResponse'),
  ApiAgentRunSourceType: { type: 'string', enum: sources },
  GithubPullRequestResponse: object(
    { id: int, title: nullable(text), url: nullable(text), created_at: text, head_branch_name: nullable(text) },
    'id',
    'created_at',
  ),
  AgentRunResponse: object(
    {
      ...head,
      summary: nullable(text),
      source_type: nullable(ref('ApiAgentRunSourceType')),
      github_pull_requests: nullable(list(ref('GithubPullRequestResponse'))),
      metadata: nullable(record),
    },
    'id',
    'organization_id',
  ),
  Page_AgentRunResponse_: page('AgentRunResponse'),
  CreateAgentRunInput: object(
    {
      prompt: text,
      images: nullable(list(text)),
      metadata: nullable(record),
      repo_id: nullable(int),
      model: nullable(text),
      agent_type: nullable({ type: 'string', enum: ['codegen', 'claude_code'] }),
    },
    'prompt',
  ),
  ResumeAgentRunInput: object({ agent_run_id: int, prompt: text, images: nullable(list(text)) }, 'agent_run_id', 'prompt'),
  StopAgentRunInput: object(
    { agent_run_id: int, before_card_order_id: nullable(text), after_card_order_id: nullable(text) },
    'agent_run_id',
  ),
  AgentRunLogResponse: object(
    {
      agent_run_id: int,
      created_at: nullable(text),
      tool_name: nullable(text),
      message_type: nullable(text),
      thought: nullable(text),
      observation: nullable(record, text),
      tool_input: nullable(record),
      tool_output: nullable(record),
    },
    'agent_run_id',
  ),
  AgentRunWithLogsResponse: object(
    {
      ...head,
      metadata: nullable(record),
      logs: list(ref('AgentRunLogResponse')),
      total_logs: nullable(int),
      page: nullable(int),
      size: nullable(int),
      pages: nullable(int),
    },
    ...['id', 'organization_id', 'logs'],
  ),
  ValidationError: object({ loc: list({ anyOf: [text, int] }), msg: text, type: text }, 'loc', 'msg', 'type'),
  HTTPValidationError: object({ detail: list(ref('ValidationError')) }),
  PermissionsErrorResponse: error,
  AgentRunLimitReachedErrorResponse: error,
  NoReposFoundInOrgErrorResponse: error,
  AgentRunNotFoundErrorResponse: error,
  APIRateLimitErrorResponse: error,
};

export interface Described {
  /** The schema of the request's body. */
  readonly request?: string;
  /** The schema of the body of each status; null: anything. */
  readonly answers: Readonly<Record<number, string | null>>;
  readonly query: Readonly<Record<string, Schema>>;
}

const paging = { skip: { type: 'integer', minimum: 0 }, limit: { type: 'integer', maximum: 100, minimum: 1 } };
const always = { 422: 'HTTPValidationError', 429: 'APIRateLimitErrorResponse' };
const guarded = { ...always, 403: 'PermissionsErrorResponse' };
const ofRun = { ...guarded, 404: 'AgentRunNotFoundErrorResponse' };
const stops: Described = { request: 'StopAgentRunInput', answers: { 200: null, ...ofRun }, query: {} };

export const described: Readonly<Record<OperationName, Described>> = {
  'users.me': { answers: { 200: 'UserResponse', ...guarded }, query: {} },
  'organizations.list': { answers: { 200: 'Page_OrganizationResponse_', ...always }, query: paging },
  'repos.list': { answers: { 200: 'Page_RepoResponse_', ...always }, query: paging },
  'runs.create': {
    request: 'CreateAgentRunInput',
    answers: {
      200: 'AgentRunResponse',
      ...guarded,
      402: 'AgentRunLimitReachedErrorResponse',
      404: 'NoReposFoundInOrgErrorResponse',
    },
    query: {},
  },
  'runs.get': { answers: { 200: 'AgentRunResponse', ...ofRun }, query: {} },
  'runs.list': {
    answers: { 200: 'Page_AgentRunResponse_', ...guarded },
    query: { user_id: nullable(int), source_type: nullable(ref('ApiAgentRunSourceType')), ...paging },
  },
  'runs.resume': { request: 'ResumeAgentRunInput', answers: { 200: 'AgentRunResponse', ...ofRun }, query: {} },
  'runs.ban': stops,
  'runs.unban': stops,
  'runs.removeFromPr': stops,
  'runs.logs': { answers: { 200: 'AgentRunWithLogsResponse', ...ofRun }, query: { ...paging, reverse: yesNo } },
};
