import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CliError } from '../cli-error.ts';

/** A program that said it was ready. */
export interface Program {
  /** Its ready line. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly child: ChildProcess;
  /** What it wrote on stderr. */
  stderr(): string;
  /** Resolves once it has ended; SIGKILL after ten seconds. */
  end(): Promise<void>;
}

const built = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Starts a Node program and waits for its one line of JSON that says `ready`. */
export async function startProgram(file: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Program> {
  const child = spawn(process.execPath, [file, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-20_000);
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
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
    void exited.then(() => reject(new CliError(`${file} ended before it was ready.\n${stderr.trim()}`)));
  });
  return {
    ready,
    child,
    stderr: () => stderr,
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(killer);
    },
  };
}

export interface StandIns {
  readonly linear: Program;
  readonly github: Program;
  readonly model: Program;
  end(): Promise<void>;
}

/** Starts the stand-ins for Linear, GitHub and the model API beside this program. */
export async function startStandIns(options: { readonly githubRoot: string; readonly githubToken: string }): Promise<StandIns> {
  const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], LINEAR_SCHEMA: built('stand-ins/linear.graphql') };
  const started = await Promise.all([
    startProgram(built('stand-ins/linear.js'), [], environment),
    startProgram(built('stand-ins/github.js'), ['--root', options.githubRoot, '--token', options.githubToken], environment),
    startProgram(built('stand-ins/model.js'), [], environment),
  ]);
  const [linear, github, model] = started;
  return { linear, github, model, end: () => Promise.all(started.map((program) => program.end())).then(() => undefined) };
}
