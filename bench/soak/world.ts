import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { jsonCall } from './json-call.ts';
import { endProgram, type Program, startProgram } from './programs.ts';

/** Everything around the service: its home, the stand-ins, two repositories. */
export interface World {
  readonly directory: string;
  readonly home: string;
  readonly main: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly linear: string;
  readonly github: string;
  readonly model: string;
  readonly programs: readonly Program[];
  /** Ends the stand-ins. */
  end(): Promise<void>;
  remove(): Promise<void>;
}

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const token = 'soak-github-token';
const secret = 'soak-webhook-secret';
const client = { clientId: 'soak-client', clientSecret: 'soak-client-secret' };
const asking = { workMs: 600, heartbeatMs: 200, ask: { question: 'Tabs or spaces?', options: ['tabs', 'spaces'] } };

/**
 * Makes the world of one soak. It runs a bundle of its own, so that a build in between changes nothing.
 * @param timeScale how much faster Linear's time passes
 * @param day with credentials that end and are had anew, and an agent that asks
 */
export async function makeWorld(timeScale: number, day = false): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-soak-'));
  const home = join(directory, 'home');
  const bundle = join(directory, 'bundle');
  const agent = join(directory, 'agent');
  await Promise.all([mkdir(home, { mode: 0o700 }), mkdir(agent), build(bundle)]);
  await symlink(root('node_modules'), join(directory, 'node_modules'));
  const script = join(agent, 'scripted-agent.ts');
  await cp(root('packages/custom-executor/src/scripted-agent.ts'), script);

  const environment = { PATH: process.env['PATH'] ?? '', HOME: directory, LANG: 'C.UTF-8', TMPDIR: tmpdir(), CYRUS_SOAK: directory };
  const start = (name: string, args: readonly string[]): Promise<Program> =>
    startProgram({
      file: join(bundle, `stand-ins/${name}.js`),
      args,
      environment: { ...environment, LINEAR_SCHEMA: join(bundle, 'stand-ins/linear.graphql') },
      cwd: directory,
    });
  const port = await freePort();
  const webhook = ['--webhook-url', `http://127.0.0.1:${port}/webhooks/linear`, '--webhook-secret', secret];
  const scale = ['--time-scale', String(timeScale), '--deadline-scale', '1', '--requests-per-hour', '1000000'];
  const oauth = ['--client-id', client.clientId, '--client-secret', client.clientSecret];
  const hook = ['--webhook-url', `http://127.0.0.1:${port}/webhooks/github`, '--webhook-secret', secret];
  const programs = await Promise.all([
    start('linear', [...webhook, ...scale, ...(day ? oauth : [])]),
    start('github', ['--root', join(directory, 'github'), '--token', token, ...(day ? hook : [])]),
    start('model', []),
  ]);
  const [linear, github, model] = programs;
  const githubUrl = String(github.ready['url']);
  for (const name of ['alpha', 'beta']) {
    await seed(join(directory, name), name);
    await jsonCall(`${githubUrl}/control/repositories`, { owner: 'acme', name, seedFrom: join(directory, name) });
  }
  const scripted = (scenario: object): object => ({
    command: process.execPath,
    args: [script],
    environmentVariables: { CYRUS_SCENARIO: JSON.stringify(scenario) },
  });
  const config = {
    linear: { apiUrl: linear.ready['graphqlUrl'], webhookSecret: secret, ...(day ? client : { token: 'lin_oauth_app' }) },
    github: { apiUrl: githubUrl, webhookSecret: secret, ...(day ? { app: await makeApp(githubUrl) } : { token }) },
    claude: { apiUrl: model.ready['url'], apiKey: 'soak-model-key' },
    repositories: [
      { id: 'alpha', remoteUrl: `${githubUrl}/acme/alpha.git` },
      { id: 'beta', remoteUrl: `${githubUrl}/acme/beta.git`, setup: { command: 'true' }, verify: { commands: ['node check.js'] } },
    ],
    executors: {
      custom: scripted({ workMs: 400, heartbeatMs: 100 }),
      slow: scripted({ workMs: 3_000, heartbeatMs: 250 }),
      asking: scripted(asking),
    },
    executor: 'custom',
    sandbox: { readable: [agent] },
    limits: { maxParallelAgents: 6 },
    server: { port },
    drainMs: 1_000,
    allowUnsandboxed: true,
  };
  await writeFile(join(home, 'config.json'), JSON.stringify(config, null, 2), { mode: 0o600 });
  return {
    directory,
    home,
    main: join(bundle, 'main.js'),
    environment,
    linear: String(linear.ready['controlUrl']),
    github: githubUrl,
    model: String(model.ready['url']),
    programs,
    end: async () => void (await Promise.all(programs.map((program) => endProgram(program)))),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A GitHub App on every repository of acme: its tokens are for one repository each, and can be taken back. */
async function makeApp(githubUrl: string): Promise<object> {
  const people = <T>(action: string, body: object): Promise<T> => jsonCall<T>(`${githubUrl}/people/${action}`, body);
  const { appId, privateKey } = await people<{ appId: number; privateKey: string }>('createApp', { name: 'Cyrus', owner: 'acme' });
  await people('install', { appId, account: 'acme' });
  return { appId, privateKey };
}

async function build(directory: string): Promise<void> {
  await promisify(execFile)(process.execPath, [root('scripts/build.js'), directory]);
}

/** A small repository whose own check is found in its package.json. */
async function seed(directory: string, name: string): Promise<void> {
  await mkdir(directory);
  const manifest = { name, version: '1.0.0', private: true, scripts: { test: 'node check.js' } };
  await Promise.all([
    writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`),
    writeFile(join(directory, 'README.md'), `# ${name}\n`),
    writeFile(join(directory, 'check.js'), `require('node:assert').ok(require('node:fs').existsSync('README.md'));\n`),
  ]);
}

/** The service keeps its address over its restarts, as a deployed one does. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
