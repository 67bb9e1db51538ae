import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { change, shell } from './support/model.ts';
import { plainRepository, World } from './support/world.ts';

/** What is in the configuration, and what an agent finds in the repository and says aloud. */
const configured = { linear: 'lin_oauth_app', webhook: 'e2e-webhook-secret', github: 'e2e-github-token', model: 'e2e-model-key' };
const found = {
  github: `ghp_${'Ab12'.repeat(9)}`,
  anthropic: `sk-ant-api03-${'x9'.repeat(20)}`,
  aws: 'AKIAIOSFODNN7EXAMPLE',
  awsSecret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  linear: `lin_api_${'c3'.repeat(20)}`,
  address: 'hunter2-in-a-url',
  key: 'MIIEpAIBAAKCAQEAplantedplantedplanted',
};
const text = [
  ...[found.github, found.anthropic, found.aws, found.linear],
  `aws_secret_access_key = ${found.awsSecret}`,
  `https://bot:${found.address}@example.test/x.git`,
  `-----BEGIN RSA PRIVATE KEY-----\n${found.key}\n-----END RSA PRIVATE KEY-----`,
].join('\n');

let world: World;
beforeAll(async () => {
  world = await World.open({ repositories: { app: { ...plainRepository, 'secrets.txt': text } } });
});
afterAll(() => world?.close());

test('secrets are in nothing that the service says or leaves behind: logs, database, Linear, pull requests, backups', async () => {
  const { linear, github, model } = world;
  await model.script('Tell me', [shell('cat secrets.txt'), ...change('done.txt', 'done', `I found these:\n${text}`)]);
  const issue = await linear.assign({ title: 'Tell me' });
  expect((await linear.closing(issue)).body).toMatch(/^✅ I found these:/);
  // One that fails on a wrong token, so that it is spoken of.
  await world.cyrus('doctor');
  const backup = join(world.directory, 'x.backup');
  expect((await world.cyrus('backup', backup)).code).toBe(0);
  const shown = await Promise.all(
    [['logs', issue], ['logs', issue, '--json'], ['status'], ['tasks', '--json']].map(async (args) => (await world.cyrus(...args)).stdout),
  );

  const places: Record<string, string> = {
    linear: JSON.stringify(await linear.activities(issue)),
    pullRequest: JSON.stringify((await github.pulls('app', issue)).map(({ title, body }) => [title, body])),
    commands: shown.join('\n'),
    stderr: world.service.stderr(),
    logs: await textBelow(join(world.home, 'logs')),
    // Rows of events, results, activities, what was sent: all there is in the database. Conversations are the agent's own files.
    backup: backupWithoutConversations(gunzipSync(await readFile(backup)).toString('latin1')),
  };
  const leaks = Object.entries(places).flatMap(([place, content]) =>
    Object.entries({ ...prefixed('found', found), ...prefixed('configured', configured) })
      .filter(([, secret]) => content.includes(secret))
      .map(
        ([name, secret]) =>
          `${place} shows ${name}: …${content.slice(Math.max(0, content.indexOf(secret) - 120), content.indexOf(secret) + 10)}`,
      ),
  );
  expect(leaks).toEqual([]);
  expect(places['linear']).toContain('[redacted]');
});

const prefixed = (kind: string, secrets: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`${kind}.${name}`, secret]));

async function textBelow(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
}

/** The entries of an archive before the files of the home. */
function backupWithoutConversations(tar: string): string {
  const at = tar.indexOf('home/conversations/');
  return at === -1 ? tar : tar.slice(0, at);
}
