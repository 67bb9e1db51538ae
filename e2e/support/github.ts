import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PullState, RepositoryState, SiteState } from '../../stand-ins/github/src/control.ts';
import type { FaultRequest } from '../../stand-ins/github/src/faults.ts';
import { call } from './call.ts';
import { type Program, plainEnvironment, runToEnd } from './program.ts';

export type Files = Readonly<Record<string, string>>;

/** GitHub as it looks from behind. All repositories are those of `acme`. */
export class GitHub {
  readonly url: string;
  readonly apiUrl: string;
  readonly program: Program;
  private readonly seeds: string;

  constructor(program: Program, seeds: string) {
    this.program = program;
    this.url = String(program.ready['url']);
    this.apiUrl = String(program.ready['apiUrl']);
    this.seeds = seeds;
  }

  /** Makes a repository of these files; its address. */
  async create(name: string, files: Files): Promise<string> {
    const seed = join(this.seeds, name);
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(seed, path)), { recursive: true });
      await writeFile(join(seed, path), text);
    }
    const { cloneUrl } = await call<{ cloneUrl: string }>(`${this.url}/control/repositories`, { owner: 'acme', name, seedFrom: seed });
    return cloneUrl;
  }

  /** What people do there. */
  people<T>(action: string, body: object): Promise<T> {
    return call<T>(`${this.url}/people/${action}`, body);
  }

  state(): Promise<SiteState> {
    return call(`${this.url}/control/state`);
  }

  async repository(name: string): Promise<RepositoryState> {
    const found = (await this.state()).repositories.find((repository) => repository.fullName === `acme/${name}`);
    if (!found) throw new Error(`no repository ${name}`);
    return found;
  }

  async pulls(name: string, about?: string): Promise<readonly PullState[]> {
    const { pulls } = await this.repository(name);
    return about === undefined ? pulls : pulls.filter((pull) => pull.title.startsWith(`${about}:`));
  }

  /** What the agent's account pushed or changed over the API, oldest first. */
  async pushes(name: string): Promise<SiteState['pushes']> {
    return (await this.state()).pushes.filter((push) => push.repository === `acme/${name}` && push.via !== 'person');
  }

  /** Asks something and waits for the answer: with latency on, whatever was asked before has happened by then. */
  async probe(): Promise<void> {
    await (await fetch(`${this.url}/rate_limit`)).text();
  }

  fault(fault: FaultRequest): Promise<unknown> {
    return call(`${this.url}/control/faults`, fault);
  }

  /** Runs git on the bare repository. @throws Error with what it wrote */
  async git(name: string, ...args: string[]): Promise<string> {
    const { directory } = await this.repository(name);
    const environment = plainEnvironment({ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' });
    const ran = await runToEnd('git', ['-c', 'safe.directory=*', '-C', directory, ...args], { environment });
    if (ran.code !== 0) throw new Error(`git ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  }
}
