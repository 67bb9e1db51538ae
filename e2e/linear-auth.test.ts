import { spawn } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';
import { textOf } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { plainEnvironment } from './support/program.ts';
import { until } from './support/until.ts';
import { secret, World } from './support/world.ts';

const app = { clientId: 'cyrus-app', clientSecret: 'cyrus-app-secret' };
let world: World;

/** The service again, with another access to Linear. */
async function restartWith(linear: object): Promise<void> {
  await world.service.end();
  await configure(linear);
  await world.start();
}

async function configure(linear: object): Promise<void> {
  const config = JSON.parse(await readFile(join(world.home, 'config.json'), 'utf8')) as object;
  await world.configure({ ...config, linear: { apiUrl: world.linear.graphqlUrl, webhookSecret: secret, ...linear } });
}

beforeAll(async () => {
  world = await World.open({
    start: false,
    linear: ['--refresh-token', 'first', '--client-id', app.clientId, '--client-secret', app.clientSecret],
  });
  await configure({ token: 'lin_oauth_app', refreshToken: 'first', ...app });
  await world.start();
});
afterAll(() => world?.close());

const logins = async (): Promise<readonly { kind: string; state: string; workspaceName: string | null }[]> =>
  JSON.parse((await world.cyrus('linear', 'status', '--json')).stdout);

/** Every secret that the home keeps of Linear. */
async function secretsKept(): Promise<readonly string[]> {
  const directory = join(world.home, 'linear');
  const files = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  const kept = await Promise.all(files.map(async (name) => JSON.parse(await readFile(join(directory, name), 'utf8')) as object));
  return kept.flatMap((tokens) => Object.entries(tokens).flatMap(([name, value]) => (/token$/i.test(name) ? String(value) : [])));
}

/** What the service has logged; nothing where there was nothing to tell. */
const logged = (): Promise<string> => readFile(join(world.home, 'logs', 'cyrus.log'), 'utf8').catch(() => '');

/** `cyrus linear login` with a person at the browser; `answer` gets the address it ends at. */
async function logIn(
  answer: (address: string) => string = (address) => address,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { main } = await bundle();
  const child = spawn(process.execPath, [main, '--home', world.home, 'linear', 'login', '--port', '0', '--json'], {
    env: { ...plainEnvironment() },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  try {
    const page = await until('the address of the page', () => /^ {2}(http\S+)$/m.exec(stderr)?.[1], { explain: () => stderr });
    expect(new URL(page).searchParams.get('scope')).toBe('read,write,app:assignable,app:mentionable');
    expect(new URL(page).searchParams.get('actor')).toBe('app');
    expect((await fetch(page)).status).toBe(200);
    const { redirect } = await world.linear.people<{ redirect: string }>('app/authorize');
    const forged = new URL(redirect);
    forged.searchParams.set('state', 'forged');
    expect((await fetch(forged)).status).toBe(400);
    const given = answer(redirect);
    if (given.startsWith('paste:')) child.stdin.write(`${given.slice('paste:'.length)}\n`);
    else expect((await fetch(given)).status).toBe(200);
    return { code: await ended, stdout, stderr };
  } finally {
    child.kill('SIGKILL');
  }
}

test('the token expires while the agent works: it is renewed, unseen, once', async () => {
  const { linear, model } = world;
  await model.script('Outlive the token', [shell('sleep 1'), ...change('a.txt', 'a', 'Outlived.')]);
  await linear.fault({ kind: 'expired-token', after: 2 });
  const issue = await linear.assign({ title: 'Outlive the token' });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Outlived\./);
  expect(await linear.grants()).toMatchObject({ refresh_token: { asked: 1, given: 1 } });
  expect(await logins()).toEqual([expect.objectContaining({ kind: 'refresh-token', state: 'ready' })]);
  const directory = join(world.home, 'linear');
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  for (const name of await readdir(directory)) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
});

test('after a kill the newest pair is used, and neither logs nor commands show a token', async () => {
  const { linear, model } = world;
  await world.service.kill();
  await linear.fault({ kind: 'expired-token' });
  await world.start();
  await model.script('Go on after a kill', change('b.txt', 'b', 'Still logged in.'));
  const issue = await linear.assign({ title: 'Go on after a kill' });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Still logged in\./);
  expect(await linear.grants()).toMatchObject({ refresh_token: { asked: 2, given: 2 } });
  const shown = [
    (await world.cyrus('linear', 'status')).stdout,
    (await world.cyrus('status', '--json')).stdout,
    (await world.cyrus('doctor', '--json')).stdout,
    await logged(),
  ].join('\n');
  for (const token of [...(await secretsKept()), app.clientSecret]) expect(shown).not.toContain(token);
});

test('a limit in the middle, 429 or 400: one answer, in order, nothing twice', async () => {
  const { linear, model } = world;
  await model.script('Keep to the limit', [shell('sleep 0.5'), ...change('c.txt', 'c', 'Within the limit.')]);
  await linear.fault([
    { kind: 'rate-limit', requests: 1, status: 429, retryAfterSeconds: 1, after: 2 },
    { kind: 'rate-limit', requests: 1, retryAfterSeconds: 1, after: 4 },
  ]);
  const issue = await linear.assign({ title: 'Keep to the limit' });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Within the limit\./);
  const said = (await linear.activities(issue)).map(textOf);
  expect(new Set(said).size).toBe(said.length);
  expect(await linear.closings(issue)).toHaveLength(1);
  await linear.noFaults();
});

test('a login that has ended is told once with what to do; after a new one everything that waited is sent', async () => {
  const { linear, model } = world;
  await linear.fault([{ kind: 'expired-token' }, { kind: 'token-error', error: 'invalid_grant', times: 1000 }]);
  await model.script('Wait for a login', change('e.txt', 'e', 'Logged in at last.'));
  const issue = await linear.assign({ title: 'Wait for a login' });
  await until('the trouble to be told', async () =>
    /cyrus linear login|does not accept the login/.test((await world.cyrus('status')).stdout),
  );
  expect((await logged()).match(/a person has to log in again/g)).toHaveLength(1);
  await linear.noFaults();

  const { code, stdout, stderr } = await logIn();
  expect([code, stderr]).toEqual([0, expect.stringContaining('Open this address')]);
  expect(JSON.parse(stdout)).toMatchObject({ workspaceName: 'Local', isApp: true });
  expect((await linear.closing(issue)).body).toMatch(/^✅ Logged in at last\./);
  expect((await logins())[0]).toMatchObject({ kind: 'login', state: 'ready', workspaceName: 'Local' });
});

test('the address can be pasted, and logging out ends the tokens', async () => {
  expect(await logIn((address) => `paste:${address}`)).toMatchObject({ code: 0 });
  const kept = await secretsKept();
  const out = await world.cyrus('linear', 'logout', 'Local');
  expect([out.code, out.stdout]).toEqual([0, 'Logged out of Local.\n']);
  expect(await secretsKept()).toEqual([]);
  for (const token of kept.filter((each) => each.startsWith('lin_oauth_'))) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(world.linear.graphqlUrl, { method: 'POST', headers, body: '{"query":"{ viewer { id } }"}' });
    expect(answer.status).toBe(401);
  }
});

test('client credentials mint a token when it is needed; a session that is deleted: no write is tried again, the work is published', async () => {
  const { linear, github, model } = world;
  await restartWith(app);
  await model.script('Lose the session', [shell('sleep 0.5'), ...change('d.txt', 'd', 'Published anyway.')]);
  await linear.fault({ kind: 'deleted-session', after: 2 });
  const issue = await linear.assign({ title: 'Lose the session' });
  await until('the work to be published', async () => (await github.pulls('app', issue)).length === 1);
  await until('nothing to wait any more', async () => {
    const { outbound, openTurns } = JSON.parse((await world.cyrus('status', '--json')).stdout) as {
      outbound: unknown[];
      openTurns: number;
    };
    return outbound.length === 0 && openTurns === 0;
  });
  expect(await linear.grants()).toMatchObject({ client_credentials: { asked: 1, given: 1 } });
});

test('a person’s key: what people must see comes as comments in one thread, and that is said', async () => {
  const { linear, model } = world;
  await restartWith({ token: 'lin_api_local' });
  await model.script('Answer in comments', change('g.txt', 'g', 'Told in a comment.'));
  const issue = await linear.assign({ title: 'Answer in comments' });
  const mine = await until('the closing answer', async () => {
    const comments = (await linear.issue(issue)).comments.filter((comment) => comment.user === 'Ada');
    return comments.some((comment) => comment.body.startsWith('✅')) && comments;
  });
  expect(mine.map((comment) => comment.parentId === null)).toEqual([true, ...mine.slice(1).map(() => false)]);
  expect(mine[0]?.body).toMatch(/^Got it[\s\S]*cyrus linear login/);
  expect(mine[1]?.body).toMatch(/^Working in/);
  expect(mine.at(-1)?.body).toMatch(/^✅ Told in a comment\./);
  expect((await linear.issue(issue)).state).toBe('In Review');
  expect((await world.cyrus('doctor')).stdout).toMatch(/person Ada/);
  expect((await world.cyrus('linear', 'status')).stdout).toMatch(/API key: comments only +ready/);
  const login = await world.cyrus('linear', 'login');
  expect([login.code, login.stderr]).toEqual([
    78,
    expect.stringMatching(/callback URL http:\/\/localhost:3457\/callback.*LINEAR_CLIENT_ID/),
  ]);
  const logout = await world.cyrus('linear', 'logout');
  expect([logout.code, logout.stderr]).toEqual([1, expect.stringContaining('LINEAR_TOKEN')]);
});
