import type { LinearClient } from 'cyrus-linear/client';
import { openSession } from 'cyrus-linear/open-session';
import { readViewer } from 'cyrus-linear/read-viewer';
import { uploadFile } from 'cyrus-linear/upload-file';
import { type WriteOutcome as LinearOutcome, type LinearWrite, perform } from 'cyrus-linear/writes';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import type { ClaimedWrite } from 'cyrus-store/queries/outbound-claim';
import { commentThread } from 'cyrus-store/queries/outbound-comment-thread';
import { agentKinds, decideComment } from './decide-comment.ts';
import type { LinearClients } from './linear-clients.ts';
import type { Perform, WriteOutcome } from './outcome.ts';
import type { WaitingFiles, WaitingUpload } from './waiting-files.ts';

export interface PerformLinearOptions {
  readonly workspace: string;
  readonly clients: Pick<LinearClients, 'find'>;
  readonly db: Database;
  readonly log: Log;
  /** Where files that agents attach wait to be uploaded; absent: none are. */
  readonly waiting?: WaitingFiles;
}

/**
 * Sends the writes of one Linear workspace. The client is looked up for each, so a new login is used at once. A person's key
 * may not write what an agent does: then people read it as comments, under the same ids.
 */
export function performLinear(options: PerformLinearOptions): Perform {
  const { workspace, db, log } = options;
  /** The client whose credential is a person's. */
  let personal: LinearClient | undefined;

  async function isPersonal(client: LinearClient, signal: AbortSignal): Promise<boolean> {
    if (personal === client) return true;
    const viewer = await readViewer(client, signal);
    if (!viewer.ok || viewer.value.isApp) return false;
    personal = client;
    log.warn({ workspace, person: viewer.value.name }, 'the Linear token is a person’s: activities become comments');
    return true;
  }

  async function asComment(client: LinearClient, write: ClaimedWrite, signal: AbortSignal): Promise<WriteOutcome> {
    const body = decideComment(write);
    const thread = body === null || write.sessionId === null ? undefined : await commentThread(db, write.sessionId);
    if (body === null || !thread) return { state: 'sent', result: { as: 'nothing' } };
    const { issueId, root } = thread;
    const comment = { kind: 'comment', id: write.id, issueId, body } as const;
    if (root === null) return settled(await perform(client, comment, signal), { as: 'comment', root: true });
    const reply = await perform(client, { ...comment, parentId: root }, signal);
    // Somebody has deleted the thread: the next begins a new one.
    if (reply.state !== 'rejected') return settled(reply, { as: 'comment', root: false });
    return settled(await perform(client, comment, signal), { as: 'comment', root: true });
  }

  async function upload(client: LinearClient, write: ClaimedWrite, signal: AbortSignal): Promise<WriteOutcome> {
    const wanted = write.payload as unknown as WaitingUpload;
    const content = await options.waiting?.read(wanted.file);
    if (!content) {
      const message = `The file ${wanted.filename} is not there any more.`;
      return { state: 'rejected', failure: { class: 'invalid_request', message } };
    }
    const outcome = settled(await uploadFile(client, { ...wanted, id: write.id, content }, signal), {});
    if (outcome.state !== 'retry') await options.waiting?.remove(wanted.file);
    return outcome;
  }

  return async (write, signal) => {
    const client = await options.clients.find(workspace);
    if (!client) return withoutToken(workspace);
    if (write.kind === 'upload') return upload(client, write, signal);
    if (write.kind === 'openSession') return settled(await openSession(client, { issueId: String(write.payload['issueId']) }, signal), {});
    const agents = agentKinds.has(write.kind);
    if (agents && personal === client) return asComment(client, write, signal);
    const outcome = await perform(client, linearWriteOf(write), signal);
    if (outcome.state === 'rejected' && agents && (await isPersonal(client, signal))) return asComment(client, write, signal);
    return settled(outcome, {});
  };
}

function settled(outcome: LinearOutcome, more: Readonly<Record<string, unknown>>): WriteOutcome {
  if (outcome.state !== 'sent') return outcome;
  const { state, ...known } = outcome;
  return { state, result: { ...more, ...known } };
}

/** The row's payload, under the row's id: the same row sent twice is one activity. */
function linearWriteOf(write: ClaimedWrite): LinearWrite {
  return { ...write.payload, kind: write.kind, id: write.id } as unknown as LinearWrite;
}

function withoutToken(workspace: string): WriteOutcome {
  const message = `No Linear token is configured for workspace ${workspace}`;
  const fix = 'log in with cyrus linear login, or set LINEAR_TOKEN, linear.token or linearWorkspaces';
  return { state: 'retry', failure: { class: 'auth', message, fix } };
}
