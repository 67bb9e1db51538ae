import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of a test: lines in, lines out. */
export interface Child extends AsyncDisposable {
  /** The next line it says. @throws Error when it ends first */
  line(): Promise<string>;
  say(line: string): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export function startChild(file: string, environment: Readonly<Record<string, string>>): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, ['--conditions=cyrus-source', '--no-warnings', path], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${file} has ended`);
      return value;
    },
    say: (line) => void child.stdin.write(`${line}\n`),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}
