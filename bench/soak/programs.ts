import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Program {
  readonly pid: number;
  /** The line of JSON in which it said that it is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly child: ChildProcess;
  /** Resolves with how it ended: a signal's name or an exit code. */
  readonly exited: Promise<string>;
  /** The last of what it wrote on stderr. */
  stderr(): string;
}

export interface ProgramSpec {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Told at once, before it is ready. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/** Starts a Node program and waits for its ready line. @throws Error with its stderr when it ends first */
export async function startProgram(spec: ProgramSpec): Promise<Program> {
  const child = spawn(process.execPath, [spec.file, ...spec.args], {
    env: spec.environment,
    cwd: spec.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  spec.onSpawn?.(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-20_000);
  });
  const exited = new Promise<string>((resolve) => child.once('exit', (code, name) => resolve(name ?? String(code))));
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const value = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
      if (value['ready'] === true) resolve(value);
    });
    child.once('error', reject);
    void exited.then((how) => reject(new Error(`${spec.file} ended (${how}) before it was ready. ${stderr.trim()}`)));
  });
  return { pid: child.pid ?? 0, ready, child, exited, stderr: () => stderr };
}

/** SIGTERM, and SIGKILL after `patienceMs`. Resolves with how it ended. */
export async function endProgram(program: Program, patienceMs = 15_000): Promise<string> {
  program.child.kill('SIGCONT');
  program.child.kill('SIGTERM');
  const killer = setTimeout(() => program.child.kill('SIGKILL'), patienceMs);
  const how = await program.exited;
  clearTimeout(killer);
  return how;
}
