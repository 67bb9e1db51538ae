import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Clock } from 'cyrus-core/clock';
import { formatDuration } from 'cyrus-core/duration';
import { FailureError } from 'cyrus-core/failure';
import { gitEnvironment } from './git-environment.ts';
import { gitFailure } from './git-failure.ts';
import type { HostFiles } from './host-files.ts';
import { type GitProgress, progressReader } from './progress.ts';
import type { Credentials } from './remote.ts';

/** The other end of git's protocol, which git finds at `fd::3`. */
export interface Peer {
  readonly output: Readable;
  readonly input: Writable;
  /** More than this from the peer ends the command. */
  readonly maxBytes: number;
}

export interface GitRequest {
  /** Completes "Could not …" when it fails. */
  readonly did: string;
  readonly args: readonly string[];
  readonly gitDir?: string;
  readonly cwd?: string;
  readonly config?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly credentials?: Credentials | undefined;
  readonly input?: string;
  readonly peer?: Peer;
  /** Exit codes that are answers, not failures; 0 always is. */
  readonly answers?: readonly number[];
  readonly timeoutMs?: number;
  /** What a person can do when that is over. */
  readonly timeoutFix?: string;
  readonly maxOutputBytes?: number;
  /** Beyond `maxOutputBytes`: ends git and gives what there is, instead of failing. */
  readonly truncate?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Gets git's progress, which is not kept with what else it says. Needs `--progress` among the arguments. */
  readonly onProgress?: ((progress: GitProgress) => void) | undefined;
  /** Lets everything else on the machine go first. */
  readonly background?: boolean | undefined;
}

export interface GitOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}

/** Runs git on the host. The only place that does. */
export interface Git {
  /** @throws FailureError `auth`, `network`, `invalid_request`, `rate_limited`, `timeout`, `setup_failed`, `missing_binary` */
  run(request: GitRequest): Promise<GitOutput>;
}

export interface GitOptions {
  readonly clock: Clock;
  readonly files: HostFiles;
  readonly runId: string;
  readonly host?: NodeJS.ProcessEnv;
  readonly binary?: string;
}

const defaultTimeoutMs = 60_000;
const defaultMaxOutputBytes = 64 * 1024 * 1024;
const maxStderrBytes = 64 * 1024;

export function createGit({ clock, files, runId, host = process.env, binary = 'git' }: GitOptions): Git {
  return {
    async run(request) {
      request.signal?.throwIfAborted();
      const environment = gitEnvironment({
        host,
        files,
        runId,
        ...(request.config ? { config: request.config } : {}),
        ...(request.credentials ? { credentials: request.credentials } : {}),
      });
      const args = [...(request.gitDir === undefined ? [] : [`--git-dir=${request.gitDir}`]), ...request.args];
      const child = spawn(request.background ? 'nice' : binary, request.background ? ['-n', '19', binary, ...args] : args, {
        cwd: request.cwd ?? request.gitDir ?? '/',
        env: { ...environment, ...request.env },
        // Its own process group, so that a time limit ends git's helpers too.
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe', request.peer === undefined ? 'ignore' : 'pipe'],
      });
      return follow(clock, child, request);
    },
  };
}

async function follow(clock: Clock, child: ChildProcess, request: GitRequest): Promise<GitOutput> {
  const limit = request.maxOutputBytes ?? defaultMaxOutputBytes;
  const timeoutMs = request.timeoutMs ?? defaultTimeoutMs;
  let cut: 'time' | 'output' | 'peer' | 'abort' | undefined;
  const end = (reason: NonNullable<typeof cut>): void => {
    if (cut !== undefined || child.exitCode !== null || child.signalCode !== null) return;
    cut = reason;
    killGroup(child);
  };
  const stdout = gather(child.stdout, limit, () => end('output'));
  const { onProgress } = request;
  const stderr = onProgress ? gatherRest(child.stderr, onProgress) : gather(child.stderr, maxStderrBytes, () => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(request.input ?? '');
  if (request.peer !== undefined) connect(child.stdio[3] as Duplex, request.peer, () => end('peer'));
  const aborted = (): void => end('abort');
  request.signal?.addEventListener('abort', aborted, { once: true });
  const done = new AbortController();
  void clock.sleep(timeoutMs, done.signal).then(() => done.signal.aborted || end('time'));
  const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(spawnFailure(error, request)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  }).finally(() => {
    done.abort();
    request.signal?.removeEventListener('abort', aborted);
  });
  if (cut === 'abort') request.signal?.throwIfAborted();
  if (cut === 'time')
    throw failed('timeout', `Could not ${request.did}: git took longer than ${formatDuration(timeoutMs)}.`, request.timeoutFix);
  if (cut === 'peer') throw failed('no_evidence', `Could not ${request.did}: more than ${request.peer?.maxBytes} bytes were sent.`);
  if (cut === 'output' && request.truncate !== true) {
    throw failed('invalid_request', `Could not ${request.did}: git answered more than ${limit} bytes.`);
  }
  // Not by us: whoever did it (the kernel, short of memory) says nothing about the repository, so it is worth another try.
  if (cut === undefined && signal === 'SIGKILL') throw failed('sandbox_lost', `Could not ${request.did}: git was killed.`);
  if (cut === undefined && code !== 0 && !(code !== null && request.answers?.includes(code))) {
    throw new FailureError(gitFailure(request.did, stderr()));
  }
  return { code: code ?? 0, stdout: stdout(), stderr: stderr(), truncated: cut === 'output' };
}

/** Joins git's descriptor 3 with the peer, counting what the peer sends. A stream that breaks on either side only ends the talk. */
function connect(descriptor: Duplex, peer: Peer, tooMuch: () => void): void {
  let bytes = 0;
  for (const stream of [descriptor, peer.output, peer.input]) stream.on('error', () => undefined);
  peer.output.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > peer.maxBytes) tooMuch();
  });
  peer.output.pipe(descriptor);
  descriptor.pipe(peer.input);
}

function gather(stream: Readable | null, limit: number, over: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('error', () => undefined);
  stream?.on('data', (chunk: Buffer) => {
    const room = limit - bytes;
    if (room > 0) chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    bytes += chunk.length;
    if (bytes > limit) over();
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** What git says beside its progress, from the end. */
function gatherRest(stream: Readable | null, onProgress: (progress: GitProgress) => void): () => string {
  const read = progressReader(onProgress);
  let text = '';
  stream?.on('error', () => undefined);
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + read(chunk)).slice(-maxStderrBytes);
  });
  return () => text;
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Ended by itself in the meantime.
  }
}

function spawnFailure(error: NodeJS.ErrnoException, request: GitRequest): Error {
  if (error.code !== 'ENOENT') return error;
  return failed('missing_binary', `Could not ${request.did}: git is not installed.`, 'Install git 2.38 or newer.');
}

const failed = (
  kind: 'timeout' | 'no_evidence' | 'invalid_request' | 'missing_binary' | 'sandbox_lost',
  message: string,
  fix?: string,
): FailureError => new FailureError({ class: kind, message, ...(fix === undefined ? {} : { fix }) });
