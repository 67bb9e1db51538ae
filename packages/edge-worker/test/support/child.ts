import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  /** Resolves once the child has printed this line. @throws Error when it ends before */
  line(text: string): Promise<void>;
  /** kill -9; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Runs a TypeScript file of this folder as a process of its own. */
export function startChild(file: string, environment: Readonly<Record<string, string>>): Child {
  const child = spawn(process.execPath, ['--conditions=cyrus-source', fileURLToPath(new URL(file, import.meta.url))], {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    seen.push(line);
    for (const look of waiting) look();
  });
  return {
    line: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (seen.includes(text)) resolve();
        };
        waiting.push(look);
        look();
        void ended.then(() => reject(new Error(`the child ended without printing ${text}`)));
      }),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
