import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Its line of JSON that said `ready`. */
  readonly ready: Readonly<Record<string, unknown>>;
  stderr(): string;
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM, and SIGKILL after `patienceMs` (default 10 s). */
  end(patienceMs?: number): Promise<void>;
  /** SIGKILL to it alone. */
  kill(): Promise<void>;
}

export type Environment = Readonly<Record<string, string>>;

/** What a program is given of this process's environment: nothing that could configure it. */
export function plainEnvironment(more: Environment = {}): Environment {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'USER', 'LANG'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...more };
}

export interface ProgramOptions {
  readonly environment?: Environment;
  readonly cwd?: string;
  /** Default: the Node that runs the test. */
  readonly node?: string;
}

/** Starts a Node program and waits until it says that it is ready. @throws Error with what it wrote, when it ends before */
export async function startProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Program> {
  const child = spawn(options.node ?? process.execPath, [...args], {
    env: { ...(options.environment ?? plainEnvironment()) },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-50_000);
  });
  const exited = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')),
  );
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      try {
        const value = JSON.parse(line) as Record<string, unknown>;
        if (value['ready'] === true) resolve(value);
      } catch {
        stderr += `${line}\n`;
      }
    });
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${args.join(' ')} ended with ${code} before it was ready:\n${stderr}`)));
  });
  return {
    child,
    pid: child.pid ?? 0,
    ready,
    exited,
    stderr: () => stderr,
    async end(patienceMs = 10_000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await exited;
      clearTimeout(killer);
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end; SIGKILL after `withinMs` (default 90 s). */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: ProgramOptions & { readonly withinMs?: number } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], {
      env: { ...(options.environment ?? plainEnvironment()) },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const killer = setTimeout(() => child.kill('SIGKILL'), options.withinMs ?? 90_000);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(killer);
      resolve({ code, stdout, stderr });
    });
  });
}
