import { change, commit, shell, write } from '../e2e/support/model.ts';
import { World } from '../e2e/support/world.ts';
import type { RecordedRequest } from '../stand-ins/model/src/server.ts';
import type { Claim, Measure } from './support/measure.ts';

/**
 * Input tokens that a provider's prompt cache holds already: of a second attempt after failed checks, of a follow-up in Linear, and of the first
 * attempt on another issue of the same repository. The tokens and the cache are the stand-in's, which keeps prefixes as the API documents it.
 */
export const measure: Claim = async ({ say }) => {
  const notes = Array.from({ length: 200 }, (_, n) => `- Rule ${n} of this repository is kept like all others.`).join('\n');
  const check = `import { existsSync } from 'node:fs';\nif (existsSync('broken.txt')) { console.error('broken'); process.exit(1); }\n`;
  const files = {
    'package.json': '{"name":"app","scripts":{"test":"node check.js"},"type":"module"}\n',
    'check.js': check,
    'CLAUDE.md': notes,
  };
  const world = await World.open({ repositories: { app: files } });
  const { linear, model } = world;
  const requests = async (title: string): Promise<readonly RecordedRequest[]> =>
    (await model.requestsAbout(title)).filter((request) => request.tokens !== undefined);
  try {
    const title = 'Cache this work';
    await model.script(title, [write('broken.txt', 'x'), commit('Break'), { text: 'Done.' }]);
    await model.script(title, [shell('git rm -q broken.txt && git commit -qm Mend'), { text: 'Mended.' }], 'the checks failed on it');
    await model.script(title, change('more.txt', 'm'), 'One more file');
    const issue = await linear.assign({ title, description: 'A description of ordinary length. '.repeat(40), labels: ['Feature'] });
    await linear.closing(issue, 1, 120_000);
    const all = await requests(title);
    const second = all.findIndex((request) => request.userTexts.some((text) => text.includes('the checks failed on it')));
    await linear.say(issue, 'One more file, please.');
    await linear.closing(issue, 2, 120_000);
    const later = (await requests(title)).slice(all.length);
    const other = 'Cache that work';
    await model.script(other, change('other.txt', 'o'));
    await linear.closing(await linear.assign({ title: other, labels: ['Feature'] }), 1, 120_000);
    const parts: readonly (readonly [string, readonly RecordedRequest[]])[] = [
      ['cache-hits, second attempt', all.slice(second)],
      ['cache-hits, follow-up', later],
      ['cache-hits, other issue', await requests(other)],
    ];
    for (const [name, some] of parts) say(`${name}: ${some.map(({ tokens }) => `${tokens?.read}/${total(tokens)}`).join(' ')}`);
    return parts.map(([name, some]) => row(name, some));
  } finally {
    await world.close();
  }
};

const total = (tokens: RecordedRequest['tokens']): number => (tokens ? tokens.read + tokens.written + tokens.fresh : 0);

function row(name: string, requests: readonly RecordedRequest[]): Measure {
  const read = requests.reduce((sum, { tokens }) => sum + (tokens?.read ?? 0), 0);
  const all = requests.reduce((sum, { tokens }) => sum + total(tokens), 0);
  return { name, value: (100 * read) / Math.max(1, all), unit: '%', floor: null, target: null, samples: requests.length };
}
