import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { AgentToolsConfig } from 'cyrus-core/config/services';
import { priority } from 'cyrus-core/domain/effects';
import type { HostTool, HostTools } from 'cyrus-executor-interface/executor';
import type { LinearClient } from 'cyrus-linear/client';
import { type LinearIssue, readIssue } from 'cyrus-linear/read-issue';
import type { LinearWrite } from 'cyrus-linear/writes';
import type { Database } from 'cyrus-store/pool';
import { queueToolWrite, type ToolPlace, toolPlace, toolWriteState } from 'cyrus-store/queries/tool-write';
import { describeIssue } from 'cyrus-task-orchestrator/prompts';
import type { LinearClients } from '../broker/linear-clients.ts';
import type { WaitingFiles, WaitingUpload } from '../broker/waiting-files.ts';
import type { Redact } from '../supervisor/redact.ts';
import { readAgentFile } from './agent-file.ts';

export interface LinearToolsOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly clients: Pick<LinearClients, 'find'>;
  readonly limits: () => AgentToolsConfig;
  readonly waiting: WaitingFiles;
  readonly redact: Redact;
}

/** Whose tools these are. */
export interface ToolUser {
  readonly attemptId: string;
  readonly workingDirectory: string;
}

type Answer = Awaited<ReturnType<HostTool['call']>>;
type Input = Readonly<Record<string, string>>;
type Kinds = LinearWrite['kind'] | 'upload';
/** A write as the outbox keeps it; the row's id becomes its own. */
type Wanted<Kind extends Kinds> = Kind extends 'upload' ? WaitingUpload : Omit<Extract<LinearWrite, { kind: Kind }>, 'id' | 'kind'>;

/** How long a tool call waits for its write to be sent. */
const waitMs = 30_000;
const lookEveryMs = 100;

const refused = (text: string): Answer => ({ text, isError: true });
const isIssueName = (text: string): boolean => /^(?:[A-Za-z][A-Za-z0-9]*-\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(text);

/**
 * The tools for Linear of one attempt; undefined where there are none. They act with the service's credential, which the agent never sees,
 * on the attempt's own issue. Writes go through the outbox under a key of their content: a call that is repeated, by a resumed agent too,
 * has the effect of one.
 */
export async function linearTools(
  options: LinearToolsOptions,
  { attemptId, workingDirectory }: ToolUser,
  signal: AbortSignal,
): Promise<HostTools | undefined> {
  const limits = options.limits();
  if (!limits.linear || limits.maxCalls === 0) return undefined;
  const place = await toolPlace(options.db, attemptId);
  if (!place) return undefined;
  const { read, write } = acts(options, place, signal);

  let calls = 0;
  const tool = (
    name: string,
    description: string,
    reads: boolean,
    parameters: HostTool['parameters'],
    act: (input: Input) => Promise<Answer>,
  ): HostTool => ({
    name,
    description,
    reads,
    parameters,
    async call(input) {
      if (++calls > limits.maxCalls)
        return refused(`This run has used its ${limits.maxCalls} calls of tools for Linear. Go on without them.`);
      return act(input);
    },
  });

  const getIssue = async ({ issue: name = place.issueId }: Input): Promise<Answer> => {
    const issue = await read(name);
    return 'text' in issue ? issue : { text: describeIssue(issue) };
  };
  const comment = async ({ body = '' }: Input): Promise<Answer> => {
    if (body.trim() === '') return refused('The comment is empty.');
    if (mentions(body)) return refused(mentionsRefused);
    const wanted: Wanted<'comment'> = { issueId: place.issueId, body };
    return write('comment', wanted, () => 'The comment is on the issue.');
  };
  const createSubIssue = async ({ title = '', description = '' }: Input): Promise<Answer> => {
    if (title.trim() === '') return refused('The title is empty.');
    if (mentions(description)) return refused(mentionsRefused);
    const parent = await read(place.issueId);
    if ('text' in parent) return parent;
    if (parent.details.ancestors.length + 1 > limits.maxDepth)
      return refused(`Sub-issues may lie at most ${limits.maxDepth} deep (agentTools.maxDepth). Name the work in your summary instead.`);
    const wanted: Wanted<'createIssue'> = {
      teamId: parent.details.teamId ?? '',
      parentId: place.issueId,
      title: title.replace(/\s+/g, ' ').trim().slice(0, 250),
      description,
    };
    return write(
      'createIssue',
      wanted,
      (result) => `Created ${result['identifier'] ?? ''} ${result['url'] ?? ''}`.trim(),
      limits.maxSubIssues,
    );
  };
  const setRelation = async ({ issue: name = '', type = 'related' }: Input): Promise<Answer> => {
    const other = await read(name);
    if ('text' in other) return other;
    if (other.id === place.issueId) return refused('An issue has no relation to itself.');
    const wanted: Wanted<'relation'> = {
      issueId: place.issueId,
      relatedIssueId: other.id,
      type: type === 'blocks' || type === 'duplicate' ? type : 'related',
    };
    return write('relation', wanted, () => `${place.identifier} has the relation "${type}" to ${other.identifier}.`);
  };

  const uploadFile = async ({ path = '', title = '' }: Input): Promise<Answer> => {
    const file = await readAgentFile(workingDirectory, path);
    if (!file.ok) return refused(file.why);
    const content = file.isText ? Buffer.from(options.redact(file.content.toString('utf8'))) : file.content;
    const filename = basename(path);
    const wanted = { issueId: place.issueId, title: title.trim().slice(0, 250) || filename, filename, contentType: file.contentType };
    const name = await options.waiting.keep(content, JSON.stringify([place.taskId, wanted]));
    const done = `${filename} is attached to the issue.`;
    const answer = await write('upload', { ...wanted, file: name }, () => done);
    // Asked for again after it was sent, the file waits for nothing.
    if (answer.text === done) await options.waiting.remove(name);
    return answer;
  };

  const issueName = 'An issue of this workspace, such as ENG-12';
  return {
    name: 'linear',
    tools: [
      tool(
        'get_issue',
        'Reads an issue of Linear as it is now: title, description, state, links to other issues, comments. Without a name: the issue you work on.',
        true,
        { issue: { description: issueName, optional: true } },
        getIssue,
      ),
      tool(
        'create_comment',
        'Writes a comment on the issue you work on. Your summary is shown there anyway: use this only for what people should find as a comment.',
        false,
        { body: { description: 'Markdown' } },
        comment,
      ),
      tool(
        'create_sub_issue',
        'Creates a sub-issue of the issue you work on, for work that does not belong to it. Nobody is assigned, and nothing starts by itself.',
        false,
        { title: { description: 'One line' }, description: { description: 'Markdown', optional: true } },
        createSubIssue,
      ),
      tool(
        'set_relation',
        'Relates the issue you work on to another one.',
        false,
        {
          issue: { description: issueName },
          type: { description: 'What the issue you work on is to it', oneOf: ['related', 'blocks', 'duplicate'] },
        },
        setRelation,
      ),
      tool(
        'upload_file',
        'Attaches a file of the working directory to the issue you work on, such as a screenshot.',
        false,
        { path: { description: 'Relative to the working directory' }, title: { description: 'One line', optional: true } },
        uploadFile,
      ),
    ],
  };
}

const mentionsRefused = 'Mentions of people and agents are not possible here. Write names as plain text.';
/** A link to a profile is how Linear is told of a mention, which may begin work of an agent. */
const mentions = (text: string): boolean => /linear\.app\/[^\s)]*\/profiles\//i.test(text) || /<user\b/i.test(text);

/** Reads and writes for the issue's workspace, with answers in words. */
function acts(options: LinearToolsOptions, place: ToolPlace, signal: AbortSignal) {
  const { db, clock } = options;
  const client = (): Promise<LinearClient | undefined> => options.clients.find(place.workspace);

  async function read(name: string): Promise<LinearIssue | Answer> {
    if (!isIssueName(name)) return refused(`${name || 'Nothing'} is not the name of an issue. Names look like ENG-12.`);
    const linear = await client();
    if (!linear) return refused('Linear cannot be reached: there is no login.');
    const found = await readIssue(linear, name, signal);
    if (!found.ok) return refused(`The issue ${name} could not be read: ${found.error.failure.message}`);
    if (found.value.workspace !== place.workspace) return refused(`${name} is in another workspace.`);
    return found.value;
  }

  async function write<Kind extends Kinds>(
    kind: Kind,
    payload: Wanted<Kind>,
    done: (result: Readonly<Record<string, unknown>>) => string,
    atMost?: number,
  ): Promise<Answer> {
    const content = createHash('sha256')
      .update(JSON.stringify([kind, payload]))
      .digest('hex')
      .slice(0, 32);
    const key = `task:${place.taskId}:tool:${kind}:${content}`;
    const lane = `tools:${place.taskId}`;
    const { workspace, sessionId, planId, attemptId, taskId } = place;
    const draft = {
      key,
      credential: `linear:${workspace}`,
      lane,
      priority: priority.action,
      kind,
      payload: { ...payload } as Readonly<Record<string, unknown>>,
      sessionId,
      planId,
    };
    const queued = await queueToolWrite(db, { draft, attemptId, taskId, ...(atMost === undefined ? {} : { atMost }) });
    if (queued === 'ended') return refused('This run has ended: nothing is written any more.');
    if (queued === 'too_many')
      return refused(`This task may create at most ${atMost} sub-issues (agentTools.maxSubIssues). Name the rest in your summary.`);
    for (const until = clock.now() + waitMs; clock.now() < until && !signal.aborted; ) {
      const row = await toolWriteState(db, key);
      if (row?.state === 'sent') return { text: done(row.result ?? {}) };
      if (row?.state === 'rejected') return refused(`Linear refused it: ${row.failure?.message ?? 'no reason was given'}`);
      if (row?.state === 'cancelled') return refused('The work was stopped: it was not written.');
      await clock.sleep(lookEveryMs, signal);
    }
    return { text: 'Linear does not answer at the moment; it is kept and will be written. Do not write it again.' };
  }
  return { read, write };
}
