import { join } from 'node:path';
import type { FaultRequest } from '../../stand-ins/codegen/src/faults.ts';
import type { Step } from '../../stand-ins/codegen/src/script.ts';
import { bundle } from './bundle.ts';
import { call } from './call.ts';
import type { GitHub } from './github.ts';
import { type Program, startProgram } from './program.ts';

export interface CodegenRunState {
  readonly id: number;
  readonly status: string | null;
  readonly prompts: readonly string[];
}

/** Codegen as it looks from behind; its agents push to the world's GitHub. */
export class Codegen {
  readonly program: Program;
  readonly url: string;

  private constructor(program: Program) {
    this.program = program;
    this.url = String(program.ready['url']);
  }

  /** `token`: of its account at GitHub. */
  static async start(github: GitHub, token: string, repositories: readonly string[]): Promise<Codegen> {
    const { standIns } = await bundle();
    const place = new URL(github.url);
    place.username = 'any';
    place.password = token;
    const program = await startProgram([
      join(standIns, 'codegen.js'),
      ...['--limit-factor', '0', '--git-root', place.href, '--github-api-url', github.apiUrl, '--github-token', token],
      ...repositories.flatMap((name) => ['--repository', name]),
    ]);
    return new Codegen(program);
  }

  /** What the configuration says of it. */
  config(more: object = {}): object {
    const { token, organisationId } = this.program.ready;
    return { enabled: true, orgId: organisationId, apiToken: token, baseUrl: this.url, pollMs: 300, ...more };
  }

  fault(fault: FaultRequest): Promise<unknown> {
    return call(`${this.url}/control/faults`, fault);
  }

  script(match: string, steps: readonly Step[]): Promise<unknown> {
    return call(`${this.url}/control/script`, { match, steps });
  }

  go(name: string): Promise<unknown> {
    return call(`${this.url}/control/go`, { name });
  }

  /** Of an issue, oldest first. */
  async runs(about: string): Promise<readonly CodegenRunState[]> {
    const { runs } = await call<{ runs: readonly CodegenRunState[] }>(`${this.url}/control/state`);
    return runs.filter(({ prompts }) => prompts.some((prompt) => prompt.includes(about)));
  }

  async calls(operation: string): Promise<number> {
    return (await call<{ calls: readonly unknown[] }>(`${this.url}/control/calls?operation=${operation}`)).calls.length;
  }
}
