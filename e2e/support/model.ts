import type { Faults } from '../../stand-ins/model/src/faults.ts';
import type { ScriptRule, Step } from '../../stand-ins/model/src/script.ts';
import type { RecordedRequest } from '../../stand-ins/model/src/server.ts';
import { call } from './call.ts';
import type { Program } from './program.ts';

export type { Step };

/** The model API, its scripts and what it was asked. */
export class Model {
  readonly program: Program;
  readonly url: string;

  constructor(program: Program) {
    this.program = program;
    this.url = String(program.ready['url']);
  }

  /** What the model answers in conversations whose first prompt contains `match`. */
  script(match: string, steps: readonly Step[], onFollowUp?: string): Promise<unknown> {
    const rule: ScriptRule = { match, steps, ...(onFollowUp === undefined ? {} : { onFollowUp }) };
    return call(`${this.url}/control/scripts`, rule);
  }

  /** Every model call, oldest first. */
  async requests(): Promise<readonly RecordedRequest[]> {
    const all = await call<readonly RecordedRequest[]>(`${this.url}/control/requests`);
    return all.filter((request) => request.path === '/v1/messages');
  }

  /** The model calls of conversations that began with this text in their first prompt. */
  async requestsAbout(match: string): Promise<readonly RecordedRequest[]> {
    return (await this.requests()).filter((request) => request.userTexts[0]?.includes(match));
  }

  fault(faults: Faults): Promise<unknown> {
    return call(`${this.url}/control/faults`, faults);
  }

  noFaults(): Promise<unknown> {
    return call(`${this.url}/control/faults`, undefined, 'DELETE');
  }
}

/** A step that runs a shell command. */
export const shell = (command: string, more: Omit<Step, 'tool' | 'input'> = {}): Step => ({
  ...more,
  tool: 'Bash',
  input: { command, description: 'Run a command' },
});

export const write = (file: string, content: string): Step => ({ tool: 'Write', input: { file_path: `{{cwd}}/${file}`, content } });

export const commit = (message: string): Step => shell(`git add -A && git commit -q -m "${message}"`);

/** Writes one file, commits it and says so. */
export const change = (file: string, content: string, say: string = 'Done as asked.'): Step[] => [
  write(file, content),
  commit(`Add ${file}`),
  { text: say },
];
