import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gitEnvironment } from './bare.ts';
import type { RefChange } from './ref-changes.ts';
import type { Account, Repository } from './world.ts';

export interface GitRequest {
  readonly owner: string;
  readonly name: string;
  readonly operation: 'git.refs' | 'git.fetch' | 'git.push';
  readonly service: string;
}

const smartPath = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

/** The git request a URL asks for: the smart protocol alone, with or without `.git`. */
export function matchGit(method: string, url: URL): GitRequest | undefined {
  const found = smartPath.exec(url.pathname);
  if (!found) return undefined;
  const [, owner = '', name = '', path = ''] = found;
  if (path === 'info/refs') {
    const service = url.searchParams.get('service') ?? '';
    if (method !== 'GET' || !/^git-(upload|receive)-pack$/.test(service)) return undefined;
    return { owner, name, operation: 'git.refs', service };
  }
  if (method !== 'POST') return undefined;
  return { owner, name, operation: path === 'git-upload-pack' ? 'git.fetch' : 'git.push', service: path };
}

/** The secret of a Basic header: git sends the token as the password of any user. */
export function basicToken(header: string | undefined): string | undefined {
  if (!header?.startsWith('Basic ')) return undefined;
  const decoded = Buffer.from(header.slice('Basic '.length), 'base64').toString('utf8');
  return decoded.slice(decoded.indexOf(':') + 1);
}

export interface GitAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

/**
 * Runs `git http-backend` for one request. The answer to a fetch is a stream that git fills as fast as it is read;
 * a push is run to its end first, so that what follows from it is done before its answer leaves.
 */
export async function runGit(
  request: IncomingMessage,
  query: string,
  asked: GitRequest,
  repository: Repository,
  caller: Account,
): Promise<{ readonly answer: GitAnswer; readonly changes: readonly RefChange[] }> {
  const log = join(repository.directory, `push-${randomUUID()}`);
  const header = (name: string): string => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(', ') : (value ?? '');
  };
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      ...gitEnvironment,
      GIT_PROJECT_ROOT: repository.directory,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: header('git-protocol'),
      PATH_INFO: asked.operation === 'git.refs' ? '/info/refs' : `/${asked.service}`,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'),
      CONTENT_LENGTH: header('content-length'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      REMOTE_USER: caller.login,
      REMOTE_ADDR: '127.0.0.1',
      STAND_IN_PUSH_LOG: log,
    },
  });
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
  failed.catch(() => undefined);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  pipeline(request, child.stdin).catch(() => child.stdin.destroy());
  if (asked.operation !== 'git.push') return { answer: await Promise.race([readHead(child.stdout), failed]), changes: [] };
  const output = Promise.all([child.stdout.toArray() as Promise<Buffer[]>, ended]);
  const [chunks] = await Promise.race([output, failed]);
  const whole = Buffer.concat(chunks);
  const changes = await readChanges(log);
  const head = parseHead(whole);
  if (!head) throw new Error('git http-backend ended without an answer');
  return { answer: { ...head, body: Readable.from([whole.subarray(head.length)]) }, changes };
}

interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes up to the body. */
  readonly length: number;
}

function parseHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const headers: Record<string, string> = {};
  let status = 200;
  for (const line of bytes.subarray(0, end).toString('latin1').split('\r\n')) {
    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    if (name === 'status') status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  return { status, headers, length: end + 4 };
}

/** Reads the head of a CGI answer; the stream goes on with the body. */
function readHead(stream: Readable): Promise<GitAnswer> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const onEnd = (): void => reject(new Error('git http-backend ended without an answer'));
    const onReadable = (): void => {
      for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
        bytes = Buffer.concat([bytes, chunk]);
        const head = parseHead(bytes);
        if (!head) continue;
        stream.off('readable', onReadable);
        stream.off('end', onEnd);
        if (head.length < bytes.length) stream.unshift(bytes.subarray(head.length));
        resolve({ ...head, body: stream });
        return;
      }
    };
    stream.on('readable', onReadable);
    stream.once('end', onEnd);
  });
}

/** What the post-receive hook wrote: one `old new ref` a line. */
async function readChanges(log: string): Promise<readonly RefChange[]> {
  const text = await readFile(log, 'utf8').catch(() => '');
  await rm(log, { force: true });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [old = '', next = '', ...ref] = line.split(' ');
      return { old, new: next, ref: ref.join(' ') };
    });
}

/** Sends a git answer; stops git when the client goes away, waits when it is slow. */
export async function sendGit(response: ServerResponse, answer: GitAnswer): Promise<void> {
  response.writeHead(answer.status, answer.headers);
  await pipeline(answer.body, response).catch(() => answer.body.destroy());
}
