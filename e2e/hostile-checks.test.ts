import { afterAll, beforeAll, expect, test } from 'vitest';
import { skipUnisolated } from './support/isolation.ts';
import { commit, shell, write } from './support/model.ts';
import { plainRepository, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  if (skipUnisolated) return;
  world = await World.open({
    repositories: { app: plainRepository, scripted: { 'check.sh': '[ ! -e broken.txt ]\n', 'package.json': '{"name":"scripted"}\n' } },
    repositoryConfig: { scripted: { verify: { commands: ['sh check.sh'] } } },
    config: { allowUnsandboxed: false, limits: { maxAttemptsPerTask: 1 } },
  });
});
afterAll(() => world?.close());

test.skipIf(skipUnisolated).each([
  ['a rewritten test script', 'app', `sed -i 's/node check.js/true/' package.json`, 'npm test'],
  ['a test script of its own before it', 'app', `npm pkg set scripts.pretest='rm -f broken.txt'`, 'npm test'],
  ['a shell of its own for scripts', 'app', `printf 'script-shell=/bin/true\\n' > .npmrc`, 'npm test'],
  ['a rewritten check', 'scripted', `echo true > check.sh`, 'sh check.sh'],
])('%s does not pass the checks', async (name, repository, attack, command) => {
  const steps = [write('broken.txt', 'truly broken'), shell(attack), commit('All green'), { text: 'All green.' }];
  const title = `Fake it with ${name}`;
  await world.model.script(title, steps);
  const issue = await world.linear.assign({ title, description: `[repo=${repository}]`, labels: ['Feature'] });
  const { type, body } = await world.linear.closing(issue);
  expect(type).toBe('elicitation');
  expect(body).toContain(`❌ \`${command}\` still fails after 1 attempt.`);
  expect(await world.github.pulls(repository, issue)).toEqual([]);
});
