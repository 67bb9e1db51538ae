import { join } from 'node:path';
import type { FaultRequest } from '../../stand-ins/cursor/src/faults.ts';
import type { Step } from '../../stand-ins/cursor/src/script.ts';
import type { CursorState } from '../../stand-ins/cursor/src/server.ts';
import { bundle } from './bundle.ts';
import { call } from './call.ts';
import type { GitHub } from './github.ts';
import { type Program, startProgram } from './program.ts';

/** Cursor as it looks from behind; its agents push to the world's GitHub. */
export class Cursor {
  readonly program: Program;
  readonly url: string;

  private constructor(program: Program) {
    this.program = program;
    this.url = String(program.ready['url']);
  }

  /** `token`: of its account at GitHub. */
  static async start(github: GitHub, token: string): Promise<Cursor> {
    const { standIns } = await bundle();
    return new Cursor(await startProgram([join(standIns, 'cursor.js'), '--github-api-url', github.apiUrl, '--github-token', token]));
  }

  /** What the configuration says of it. */
  config(more: object = {}): object {
    return { enabled: true, apiKey: this.program.ready['apiKey'], apiUrl: this.url, ...more };
  }

  fault(fault: FaultRequest): Promise<unknown> {
    return call(`${this.url}/control/faults`, fault);
  }

  script(match: string, steps: readonly Step[]): Promise<unknown> {
    return call(`${this.url}/control/script`, { match, steps });
  }

  release(): Promise<unknown> {
    return call(`${this.url}/control/release`, {});
  }

  /** Of an issue, oldest first. */
  async agents(about: string): Promise<CursorState['agents']> {
    const { agents } = await call<CursorState>(`${this.url}/control/state`);
    return agents.filter(({ runs }) => runs[0]?.prompt.includes(about));
  }
}
