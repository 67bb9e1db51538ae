import { execFile } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';
import { change, shell } from './support/model.ts';
import { plainEnvironment, runToEnd } from './support/program.ts';
import { World } from './support/world.ts';

/** Each is planted where a bundle could take it from. */
const planted = {
  environmentVariable: 'planted-in-the-environment-of-a-repository',
  executor: 'planted-in-the-environment-of-an-executor',
  anthropic: 'sk-ant-planted-0123456789abcdefghij',
  github: 'ghp_planted0123456789abcdefghij012345',
  linear: 'lin_api_planted0123456789abcdef',
  set: 'planted-in-a-variable-of-the-process',
};
const ours = ['lin_oauth_app', 'e2e-webhook-secret', 'e2e-github-token', 'e2e-model-key'];
const said = 'The flux of the capacitor is confidential';
const code = 'const confidentialCode = 88';

let world: World;
beforeAll(async () => {
  world = await World.open({
    config: { executors: { spare: { command: 'true', environmentVariables: { KEY: planted.executor } } } },
    repositoryConfig: { app: { environmentVariables: { ANY: planted.environmentVariable } } },
  });
  await world.model.script(said, [shell(`echo ${planted.anthropic} ${planted.github}`), ...change('code.js', code, 'Done.')]);
  await world.linear.closing(await world.linear.assign({ title: said, description: `Use ${planted.linear} for it.` }));
});
afterAll(() => world?.close());

/** Every file of a bundle, by name. */
async function unpack(file: string): Promise<ReadonlyMap<string, string>> {
  const directory = `${file}.unpacked`;
  await mkdir(directory);
  await promisify(execFile)('tar', ['-xzf', file, '-C', directory]);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (path) => [path.slice(directory.length + 1), await readFile(path, 'utf8')] as const)));
}

const make = (file: string, home: string, ...more: string[]) =>
  bundle().then(({ main }) =>
    runToEnd(process.execPath, [main, '--home', home, 'doctor', '--bundle', file, ...more], {
      environment: plainEnvironment({ CYRUS_STATE_DIR: join(world.directory, 'state'), OTHER_SECRET: planted.set }),
    }),
  );

test('what helps is in it, and no secret and nothing that anybody wrote', async () => {
  await appendFile(
    join(world.home, 'logs', 'cyrus.log'),
    `{"level":50,"msg":"${planted.github} and ${planted.set}","long":"${said.repeat(20)}"}\n`,
  );
  const file = join(world.directory, 'bundle.tar.gz');
  const { code: exit, stdout } = await make(file, world.home);
  expect(exit).toBe(0);
  expect(stdout).toContain('Nothing was sent anywhere.');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const files = await unpack(file);
  expect([...files.keys()].sort()).toEqual(
    ['README.txt', 'config.json', 'database.json', 'findings.json', 'logs/cyrus.log', 'logs/postgres.log', 'machine.json'].map(
      (name) => `cyrus-support/${name}`,
    ),
  );
  for (const name of files.keys()) if (name !== 'cyrus-support/README.txt') expect(stdout).toContain(name);
  const all = [...files.values()].join('\n');
  for (const hidden of [...Object.values(planted), ...ours, code]) expect(all).not.toContain(hidden);
  const withoutLog = [...files].filter(([name]) => !name.endsWith('cyrus.log')).map(([, text]) => text);
  expect(withoutLog.join('\n')).not.toContain(said);
  expect(all).not.toContain(said.repeat(10));

  const database = JSON.parse(files.get('cyrus-support/database.json') ?? '') as {
    states: Record<string, Record<string, number>>;
    decisions: readonly object[];
    schema: readonly object[];
  };
  expect(database.states['plan']).toEqual({ done: 1 });
  expect(database.decisions).toHaveLength(1);
  expect(database.schema.length).toBeGreaterThan(0);
  expect(JSON.parse(files.get('cyrus-support/config.json') ?? '')).toMatchObject({ linear: { token: '***' }, server: { port: 0 } });
  expect(JSON.parse(files.get('cyrus-support/machine.json') ?? '')).toMatchObject({ node: process.version });
  expect(JSON.parse(files.get('cyrus-support/findings.json') ?? '')).toContainEqual(
    expect.objectContaining({ name: 'service', state: 'ok' }),
  );
});

test('--with-text adds what was said, still without secrets', async () => {
  const file = join(world.directory, 'texts.tar.gz');
  const { stdout } = await make(file, world.home, '--with-text');
  expect(stdout).toContain('what agents wrote are in it');
  const files = await unpack(file);
  expect(files.get('cyrus-support/texts.json')).toContain(said);
  expect(files.get('cyrus-support/texts.json')).toContain(code);
  const all = [...files.values()].join('\n');
  for (const hidden of [...Object.values(planted), ...ours]) expect(all).not.toContain(hidden);
});

test('it is made of a home that was never started, and of a broken configuration', async () => {
  const home = join(world.directory, 'broken');
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'config.json'), `{"linear": {"token": "${planted.linear}",`);
  const file = join(world.directory, 'broken.tar.gz');
  expect((await make(file, home)).code).toBe(0);
  const files = await unpack(file);
  expect([...files.values()].join('\n')).not.toContain(planted.linear);
  expect(files.get('cyrus-support/findings.json')).toMatch(/line 1, column/);
  const nowhere = await make(join(world.directory, 'no/such/place.tar.gz'), home);
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toMatch(/cannot be written[\s\S]*fix:/);
});
