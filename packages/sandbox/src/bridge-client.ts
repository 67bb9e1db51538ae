import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What is said with a running bridge program. */
export interface BridgeClient {
  /** Resolves once all doors are open; rejects with what the program complained of when it ends before. */
  readonly ready: Promise<void>;
  listens(port: number): Promise<boolean>;
  over(): boolean;
  /** What it has written on stderr. */
  complaint(): string;
  readonly exited: Promise<void>;
}

/** Follows a process that runs `bridgeProgram` on its stdin and stdout. */
export function bridgeClient(child: ChildProcess): BridgeClient {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(-500);
  });
  child.stdin?.on('error', () => undefined);
  const asked = new Map<number, ((answer: boolean) => void)[]>();
  let isReady = (): void => undefined;
  let isOver = (): void => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    isReady = resolve;
    isOver = () => reject(new Error(`The closed network ended: ${complaint.trim() || 'it was killed'}`));
  });
  ready.catch(() => undefined);
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    if (line === 'ready') return isReady();
    const [port, answer] = line.split(' ');
    asked.get(Number(port))?.shift()?.(answer === 'yes');
  });
  let over = false;
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('close', () => resolve());
  }).then(() => {
    over = true;
    isOver();
    for (const waiting of asked.values()) for (const answer of waiting) answer(false);
  });
  return {
    ready,
    exited,
    over: () => over,
    complaint: () => complaint.trim(),
    listens: (port) =>
      new Promise((resolve) => {
        if (over) return resolve(false);
        asked.set(port, [...(asked.get(port) ?? []), resolve]);
        child.stdin?.write(`${port}\n`);
      }),
  };
}
