import { systemClock } from 'cyrus-core/clock';
import { detectContainer } from 'cyrus-sandbox/detect-container';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commit, shell, write } from './support/model.ts';
import { World } from './support/world.ts';

// Not asked for by CYRUS_NO_SKIP: engines need more of a host than a check can bring.
const found = await detectContainer(systemClock, process.env['PATH'] ?? '', {});
const skip = !('engine' in found);

let world: World;
beforeAll(async () => {
  if (skip) return;
  world = await World.open({
    config: { allowUnsandboxed: false, sandbox: { isolation: 'container' } },
  });
});
afterAll(() => world?.close());

test.skipIf(skip)('the real agent works in a container, sees nothing of the host, and its work is checked and published', async () => {
  expect(world.service.ready['isolation']).toBe('container');
  const looking = [`${world.home}/config.json`, world.directory, '/etc/shadow', '/run/podman/podman.sock', '/var/run/docker.sock'];
  await world.model.script('Look around in there', [
    write('a.txt', 'a'),
    shell(`for path in ${looking.join(' ')}; do cat "$path" 2>/dev/null; ls "$path" 2>/dev/null; done > seen.txt; env >> seen.txt; true`),
    commit('What I saw'),
    { text: 'Looked.' },
  ]);
  const issue = await world.linear.assign({ title: 'Look around in there', labels: ['Feature'] });
  const { body } = await world.linear.closing(issue);
  expect(body).toMatch(/^✅ Looked\./);
  expect(body).toMatch(/`npm test` passed/);
  const [pull] = await world.github.pulls('app', issue);
  const seen = await world.github.git('app', 'show', `${pull?.head}:seen.txt`);
  for (const secret of ['e2e-github-token', 'lin_oauth_app', 'e2e-webhook-secret', 'config.json', 'root:'])
    expect(seen).not.toContain(secret);
  expect((await world.cyrus('status')).stdout).toContain('isolation: container');
  expect((await world.cyrus('doctor')).stdout).toMatch(/isolation: Agents run in containers by (?:Podman|Docker)/);
});
