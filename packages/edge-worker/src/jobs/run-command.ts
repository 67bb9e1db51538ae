import type { Readable } from 'node:stream';
import type { Clock } from 'cyrus-core/clock';
import type { Sandbox, SandboxSpec } from 'cyrus-core/ports/sandbox';

/** How a command in a sandbox ended. */
export interface CommandEnd {
  /** Null: killed, or never started. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** The end of what it wrote, stdout and stderr as they came. */
  readonly output: string;
  readonly ended: 'exited' | 'timed_out' | 'aborted' | 'not_started';
}

export interface RunCommandOptions {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly spec: SandboxSpec;
  readonly timeoutMs: number;
  /** How much of the output's end is kept. */
  readonly outputBytes: number;
  readonly stdin?: string;
}

/** Runs one command to its end, its time limit or its abort; afterwards nothing of it is left. Never rejects. */
export async function runCommand(options: RunCommandOptions): Promise<CommandEnd> {
  const { sandbox, clock, signal, spec, timeoutMs, outputBytes } = options;
  const started = clock.now();
  const since = (): number => clock.now() - started;
  if (signal.aborted) return { exitCode: null, durationMs: 0, output: '', ended: 'aborted' };
  const process = sandbox.spawn(spec);
  const tail = createTail(outputBytes);
  for (const stream of [process.child.stdout, process.child.stderr]) collect(stream, tail);
  process.child.stdin?.on('error', () => undefined);
  process.child.stdin?.end(options.stdin ?? '');

  const over = new AbortController();
  const aborted = new Promise<'aborted'>((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { signal: over.signal }));
  const first = await Promise.race([process.exited, aborted, clock.sleep(timeoutMs, over.signal).then(() => 'timed_out' as const)]);
  over.abort();
  if (typeof first === 'string') {
    await process.kill();
    return { exitCode: null, durationMs: since(), output: tail.text(), ended: first };
  }
  // The tree is gone when a sandbox says so; this ends what may be left of one that cannot promise it.
  await process.kill();
  if (first.spawnError) {
    const said = tail.text().trim();
    return { exitCode: null, durationMs: since(), output: said === '' ? first.spawnError.message : said, ended: 'not_started' };
  }
  return { exitCode: first.code, durationMs: since(), output: tail.text(), ended: 'exited' };
}

export interface Tail {
  add(chunk: Buffer): void;
  text(): string;
}

/** Keeps the last `limit` bytes of what is added; what a command floods is never held. */
export function createTail(limit: number): Tail {
  let chunks: Buffer[] = [];
  let held = 0;
  let dropped = 0;
  const trim = (): void => {
    const all = Buffer.concat(chunks);
    const keep = all.subarray(Math.max(0, all.length - limit));
    dropped += all.length - keep.length;
    chunks = [Buffer.from(keep)];
    held = keep.length;
  };
  return {
    add(chunk) {
      chunks.push(chunk);
      held += chunk.length;
      if (held > limit * 2) trim();
    },
    text() {
      if (held > limit) trim();
      const text = Buffer.concat(chunks).toString('utf8');
      return dropped === 0 ? text : `[${dropped} bytes cut] … ${text.replace(/^\ufffd+/, '')}`;
    },
  };
}

/** Adds what a stream gives. */
export function collect(stream: Readable | null, tail: Tail): void {
  stream?.on('data', (chunk: Buffer) => tail.add(chunk));
  stream?.on('error', () => undefined);
}
