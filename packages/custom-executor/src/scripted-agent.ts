/**
 * An agent without a model, for tests, soak runs and benchmarks: it speaks the protocol and does what a scenario says. Runs with plain node and
 * imports nothing but node. The scenario is JSON in `CYRUS_SCENARIO`; without one it writes a file, commits it and is done.
 */
import { execFile, spawn } from 'node:child_process';
import { access, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

export interface ScriptedScenario {
  /** The file it writes (default `CHANGES-{conversation}.md`) and what into it. `null`: writes and commits nothing. */
  readonly file?: string | null;
  readonly content?: string;
  /** Works for so long, with heartbeats. */
  readonly workMs?: number;
  readonly heartbeatMs?: number;
  /** Runs a command until this file exists in the working directory. */
  readonly untilFile?: string;
  /** Never comes to an end by itself. */
  readonly endless?: boolean;
  /** Its last words. */
  readonly text?: string;
  readonly usage?: Readonly<Record<string, number | string>>;
  /** Fails with this class instead of succeeding. */
  readonly fail?: string;
  /** Asks this and ends, in a conversation that has not been told so (`You asked: …`): one that was killed as it asked does it again. */
  readonly ask?: { readonly question: string; readonly options?: readonly string[] };
  /** Writes this line as it is, to see what becomes of it. */
  readonly rawLine?: string;
}

interface Start {
  readonly type: 'start';
  readonly request: {
    readonly prompt: string;
    readonly workingDirectory: string;
    readonly conversation: { readonly id: string; readonly resume: boolean; readonly directory: string };
  };
}
type Input = Start | { readonly type: 'message'; readonly id: number; readonly text: string } | { readonly type: 'stop' };

/** What it remembers of a conversation, in `scripted-agent.json` of the conversation's directory. */
interface Memory {
  heard: string[];
  outputTokens: number;
}

const exec = promisify(execFile);
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const scenario = JSON.parse(process.env['CYRUS_SCENARIO'] ?? '{}') as ScriptedScenario;

const waiting: Input[] = [];
let inputEnded = false;
let wake: (() => void) | undefined;
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const message = JSON.parse(line) as Input;
  if (message.type === 'stop') process.exit(0);
  waiting.push(message);
  wake?.();
});
lines.on('close', () => {
  inputEnded = true;
  wake?.();
});

async function nextInput(): Promise<Input | undefined> {
  while (waiting.length === 0 && !inputEnded) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return waiting.shift();
}

async function run(): Promise<void> {
  const start = await nextInput();
  if (start?.type !== 'start') return;
  const { prompt, workingDirectory, conversation } = start.request;
  const memoryPath = join(conversation.directory, 'scripted-agent.json');
  const memory: Memory = await readFile(memoryPath, 'utf8').then(JSON.parse, () => ({ heard: [], outputTokens: 0 }));
  const known = memory.heard.length > 0;

  async function remember(words: string): Promise<void> {
    memory.heard.push(words);
    await save();
  }
  async function save(): Promise<void> {
    await mkdir(conversation.directory, { recursive: true });
    await writeFile(`${memoryPath}.new`, JSON.stringify(memory));
    await rename(`${memoryPath}.new`, memoryPath);
  }
  async function spend(): Promise<void> {
    const usage = {
      model: 'scripted',
      inputTokens: 1000,
      outputTokens: 300,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      cost: 1000,
      ...scenario.usage,
    };
    memory.outputTokens += Number(usage.outputTokens);
    await save();
    say({ type: 'usage', usage });
  }
  /** Commits one file; committing it again changes nothing, so a resumed attempt may repeat it. */
  async function commit(file: string, content: string, subject: string): Promise<void> {
    say({ type: 'tool-use', tool: 'Write', input: { file } });
    const path = join(workingDirectory, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await git('add', '--', file);
    const staged = await git('diff', '--cached', '--name-only');
    if (staged.trim() !== '') await git('commit', '--quiet', '-m', subject);
    say({ type: 'tool-result', output: `committed ${file}`, isError: false });
  }
  async function git(...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=Scripted Agent', '-c', 'user.email=agent@localhost'];
    const { stdout } = await exec('git', [...identity, ...args], { cwd: workingDirectory });
    return stdout;
  }
  async function takeIn(message: Input): Promise<void> {
    if (message.type !== 'message') return;
    await remember(message.text);
    if (scenario.file !== null) await commit(`message-${message.id}.md`, `${message.text}\n`, `Message ${message.id}`);
    say({ type: 'delivered', messageId: message.id });
  }

  if (conversation.resume && !known)
    say({ type: 'message', content: 'Nothing of the earlier conversation was found to resume: a new one begins.' });
  await remember(prompt);
  if (scenario.rawLine !== undefined) process.stdout.write(`${scenario.rawLine}\n`);
  if (scenario.untilFile !== undefined) await commandUntil(scenario.untilFile, workingDirectory);
  const beat = scenario.heartbeatMs ?? 1000;
  for (let left = scenario.endless ? Number.POSITIVE_INFINITY : (scenario.workMs ?? 0); left > 0; left -= beat) {
    say({ type: 'heartbeat' });
    await pause(Math.min(beat, left));
    while (waiting[0]) await takeIn(waiting.shift() as Input);
  }
  const { ask } = scenario;
  if (ask && !memory.heard.some((words) => words.includes(ask.question))) {
    await spend();
    say({ type: 'needs-input', ...ask });
    say({ type: 'complete', result: { state: 'succeeded', output: ask.question } });
    const crossed = await nextInput();
    if (!crossed) return;
    await remember(ask.question);
    await takeIn(crossed);
  }
  if (scenario.file !== null) {
    await commit(
      scenario.file ?? `CHANGES-${conversation.id.slice(0, 8)}.md`,
      scenario.content ?? `${prompt}\n`,
      prompt.split('\n')[0]?.slice(0, 60) || 'Work',
    );
  }
  while (waiting[0]) await takeIn(waiting.shift() as Input);
  await spend();
  const text = scenario.text ?? 'Done.';
  say({ type: 'message', content: text });
  for (;;) {
    const failure = scenario.fail === undefined ? {} : { failure: { class: scenario.fail, message: text } };
    say({ type: 'complete', result: { state: scenario.fail === undefined ? 'succeeded' : 'failed', output: text, ...failure } });
    const crossed = await nextInput();
    if (!crossed) return;
    await takeIn(crossed);
    await spend();
  }
}

async function commandUntil(file: string, directory: string): Promise<void> {
  const program = `const t=setInterval(()=>require('fs').existsSync(${JSON.stringify(file)})&&clearInterval(t),20)`;
  say({ type: 'tool-use', tool: 'Bash', input: { command: `wait for ${file}` } });
  const child = spawn(process.execPath, ['-e', program], { cwd: directory, stdio: 'ignore' });
  await new Promise((resolve) => child.once('exit', resolve));
  await access(join(directory, file));
  say({ type: 'tool-result', output: `${file} is there`, isError: false });
}

await run().then(
  () => process.exit(0),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    say({ type: 'complete', result: { state: 'failed', output: '', failure: { class: 'agent_failed', message: message.slice(0, 500) } } });
    process.exitCode = 1;
  },
);
