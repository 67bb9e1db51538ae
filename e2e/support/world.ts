import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { type Files, GitHub } from './github.ts';
import { Linear } from './linear.ts';
import { Model } from './model.ts';
import { type Environment, type Program, plainEnvironment, type Ran, runToEnd, startProgram } from './program.ts';

export const secret = 'e2e-webhook-secret';
export const githubToken = 'e2e-github-token';

export interface WorldOptions {
  /** Repositories of `acme`, by name, each configured under its name. Default: one called `app` with a check that passes. */
  readonly repositories?: Readonly<Record<string, Files>>;
  /** More of the configuration, over what a world needs. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More of the configuration of a repository, by its name. */
  readonly repositoryConfig?: Readonly<Record<string, object>>;
  /** Arguments of the stand-in for Linear: `--time-scale`, `3600`. */
  readonly linear?: readonly string[];
  /** Arguments of the stand-in for GitHub: `--enterprise`. */
  readonly github?: readonly string[];
  readonly environment?: Environment;
  /** The model's records keep whole system prompts. */
  readonly keepSystem?: boolean;
  /** False: the test starts the service itself. */
  readonly start?: boolean;
}

/** A repository without dependencies whose check passes as long as `broken.txt` is not there. */
export const plainRepository: Files = {
  'package.json': `${JSON.stringify({ name: 'app', private: true, type: 'module', scripts: { test: 'node check.js' } }, null, 2)}\n`,
  'check.js': `import { existsSync, readFileSync } from 'node:fs';
if (existsSync('broken.txt')) {
  console.error('broken: ' + readFileSync('broken.txt', 'utf8'));
  process.exit(1);
}
console.log('all is well');
`,
};

/** One installation of the product between stand-ins for everything outside the machine; every part is a program of its own. */
export class World {
  readonly directory: string;
  readonly home: string;
  readonly linear: Linear;
  readonly github: GitHub;
  readonly model: Model;
  private readonly main: string;
  private readonly environment: Environment;
  private running: Program | undefined;

  private constructor(directory: string, main: string, linear: Linear, github: GitHub, model: Model, environment: Environment) {
    this.directory = directory;
    this.home = join(directory, 'home');
    this.main = main;
    this.linear = linear;
    this.github = github;
    this.model = model;
    this.environment = environment;
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const { main, standIns } = await bundle();
    const directory = await mkdtemp(join(tmpdir(), 'cyrus-e2e-'));
    const environment = plainEnvironment({ LINEAR_SCHEMA: join(standIns, 'linear.graphql'), GIT_CONFIG_GLOBAL: '/dev/null' });
    const [linear, github, model] = await Promise.all([
      startProgram([join(standIns, 'linear.js'), ...(options.linear ?? [])], { environment }),
      startProgram([join(standIns, 'github.js'), '--root', join(directory, 'github'), '--token', githubToken, ...(options.github ?? [])], {
        environment,
      }),
      startProgram([join(standIns, 'model.js')], {
        environment: { ...environment, ...(options.keepSystem ? { MODEL_KEEP_SYSTEM: '1' } : {}) },
      }),
    ]);
    // As root the database runs as another account, which has to get to its data: passing through is enough.
    await chmod(directory, 0o711);
    const hub = new GitHub(github, join(directory, 'seeds'));
    const world = new World(directory, main, new Linear(linear), hub, new Model(model), {
      ...plainEnvironment({ CYRUS_STATE_DIR: join(directory, 'state') }),
      ...options.environment,
    });
    try {
      const repositories: object[] = [];
      for (const [name, files] of Object.entries(options.repositories ?? { app: plainRepository }))
        repositories.push({ id: name, remoteUrl: await hub.create(name, files), ...options.repositoryConfig?.[name] });
      await world.configure({ repositories, ...options.config });
      if (options.start !== false) await world.start();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** Writes the configuration: what every world needs, with `config` over it. */
  async configure(config: Readonly<Record<string, unknown>>): Promise<void> {
    await mkdir(this.home, { recursive: true, mode: 0o700 });
    const whole = {
      linear: { apiUrl: this.linear.graphqlUrl, token: 'lin_oauth_app', webhookSecret: secret },
      github: { apiUrl: this.github.apiUrl, token: githubToken },
      claude: { apiUrl: this.model.url, apiKey: 'e2e-model-key' },
      server: { port: 0 },
      drainMs: 0,
      // Where bubblewrap is there it is used all the same.
      allowUnsandboxed: true,
      ...config,
    };
    await writeFile(join(this.home, 'config.json'), JSON.stringify(whole, null, 2), { mode: 0o600 });
  }

  /** Starts the service; Linear's webhooks go to it. */
  async start(environment: Environment = {}): Promise<Program> {
    this.running = await startProgram([this.main, '--home', this.home, 'start', '--json'], {
      environment: { ...this.environment, ...environment },
    });
    await this.linear.deliverTo(`${this.url}/webhooks/linear`, secret);
    return this.running;
  }

  /** The running service. */
  get service(): Program {
    if (!this.running) throw new Error('the service was not started');
    return this.running;
  }

  get url(): string {
    return String(this.service.ready['url']);
  }

  /** Runs a command of the product on this home. */
  cyrus(...args: string[]): Promise<Ran> {
    return runToEnd(process.execPath, [this.main, '--home', this.home, ...args], { environment: this.environment });
  }

  /** Working copies that are there now: of agents, or of checks. */
  async checkouts(kind: 'work' | 'verify'): Promise<readonly string[]> {
    const place = join(this.home, 'checkouts');
    const names = (await readdir(place).catch(() => [])).filter((name) => !name.startsWith('.'));
    const found = await Promise.all(
      names
        .filter((name) => name.startsWith('verify-') === (kind === 'verify'))
        .map(async (name) => (await readdir(join(place, name)).catch(() => [])).map((inner) => join(place, name, inner))),
    );
    const all = await Promise.all(found.flat().map(async (path) => ((await stat(join(path, '.git')).catch(() => null)) ? [path] : [])));
    return all.flat();
  }

  async close(): Promise<void> {
    await this.running?.end();
    await Promise.all([this.linear.program.end(), this.github.program.end(), this.model.program.end()]);
    if (process.env['CYRUS_E2E_KEEP']) console.error(`kept: ${this.directory}`);
    else await rm(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
