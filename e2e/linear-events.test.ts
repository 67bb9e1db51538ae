import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { skipUnisolated } from './support/isolation.ts';
import type { SessionView } from './support/linear.ts';
import { change, shell } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

/** Waits for a file in its working copy, so that a test decides how long it takes. */
const untilReleased = 'until [ -e .git/released ]; do sleep 0.05; done';
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

interface TaskRow {
  readonly identifier: string;
  readonly state: string;
  readonly endedAt: number | null;
}

let world: World;
beforeAll(async () => {
  world = await World.open();
  // Whatever Linear tells it tells twice, under another name.
  await world.linear.fault({ kind: 'duplicate', afterMs: 300, deliveryId: 'new' });
  await world.linear.people('teams', { key: 'OPS' });
});
afterAll(() => world?.close());

/** Delegates an issue to an agent that waits; its identifier, once it does. */
async function working(title: string, issue: object = {}): Promise<string> {
  const { linear, model } = world;
  await model.script(title, [shell(untilReleased), ...change(`${title.replace(/\W+/g, '-')}.txt`, 'x', 'Done.')]);
  const identifier = await linear.assign({ title, ...issue });
  await until(`the agent of ${title} to be at its command`, async () => (await model.requestsAbout(title)).length > 0);
  return identifier;
}

async function releaseAll(): Promise<number> {
  const found = await world.checkouts('work');
  for (const checkout of found) await writeFile(join(checkout, '.git', 'released'), '').catch(() => undefined);
  return found.length;
}
const release = (): Promise<unknown> => until('a checkout to work in', async () => (await releaseAll()) > 0);

const tasks = async (): Promise<readonly TaskRow[]> => JSON.parse((await world.cyrus('tasks', '--json')).stdout) as readonly TaskRow[];
const allEnded = (): Promise<unknown> =>
  until('every task to have ended', async () => (await tasks()).every((task) => task.endedAt !== null), {
    explain: async () => JSON.stringify(await tasks()),
  });
const status = async (): Promise<{ readonly outbound: readonly unknown[] }> => JSON.parse((await world.cyrus('status', '--json')).stdout);
const nothingWaits = (): Promise<unknown> =>
  until('nothing to wait to be sent', async () => (await status()).outbound.length === 0, {
    explain: async () => JSON.stringify(await status()),
  });
const upload = async (name: string, content: Buffer): Promise<string> =>
  (await world.linear.people<{ url: string }>('files', { name, contentType: 'x/y', content: content.toString('base64'), base64: true }))
    .url;

test('an image of the issue is in the agent’s reach, a file that is too large is named with why, and both are gone afterwards', async () => {
  const { linear, github, model } = world;
  const image = await upload('door.png', png);
  const large = (await linear.people<{ url: string }>('files', { name: 'film.bin', contentType: 'x/y', zeros: 20_500_000 })).url;
  const files = `${world.home}/attachments/*`;
  await model.script('Paint the door', [
    shell(`cp ${files}/*.png copied.png; touch ${files}/mine 2>/dev/null && echo writable > writable.txt; true`),
    shell(untilReleased),
    ...change('door.txt', 'painted', 'Painted.'),
  ]);
  const issue = await linear.assign({ title: 'Paint the door', description: `Like this: ![the door](${image})\n\n[film.bin](${large})` });
  await until('the agent to look', async () => (await model.requestsAbout('Paint the door')).length > 1);
  const prompt = (await model.requestsAbout('Paint the door'))[0]?.userTexts.join('\n') ?? '';
  expect(prompt).toMatch(
    new RegExp(`- ${world.home}/attachments/[^/ ]+/[0-9a-f]{10}-the-door\\.png \\(the door, image/png, ${png.length} bytes\\)`),
  );
  expect(prompt).toContain('- not here: film.bin (it is larger than 20 MB)');
  // One that comes with a message to the agent at work.
  await linear.say(issue, `And like [this](${await upload('second.txt', Buffer.from('second'))})`);
  await linear.seen(issue, /Passing your message/);
  await release();
  expect((await linear.closing(issue)).body).toMatch(/^✅ Painted\./);
  const heard = (await model.requestsAbout('Paint the door')).flatMap((request) => request.userTexts).join('\n');
  expect(heard).toMatch(/-this\.txt \(this, text\/plain, 6 bytes\)/);
  const [pull] = await github.pulls('app', issue);
  const names = (await github.git('app', 'ls-tree', '--name-only', pull?.head ?? '')).split('\n');
  expect(names).toContain('copied.png');
  if (!skipUnisolated) expect(names).not.toContain('writable.txt');
  const copied = (await github.git('app', 'rev-parse', `${pull?.head}:copied.png`)).trim();
  expect(copied).toBe(createHash('sha1').update(`blob ${png.length}\0`).update(png).digest('hex'));
  await until('the files to be deleted', async () => (await readdir(join(world.home, 'attachments'))).length === 0);
});

test('an edit reaches the agent at work once, with the words before and after, however many threads there are', async () => {
  const { linear, model } = world;
  const issue = await working('Edit me', { description: 'The old way.' });
  const first = await linear.session(issue);
  await linear.people(`issues/${issue}/comment`, { body: 'I listen, too', mention: true });
  const second = await until('a second session', async () => {
    const session = await linear.session(issue);
    return session.id !== first.id && session;
  });
  await linear.seen(issue, /Passing your message to the agent at work/);
  await linear.people(`issues/${issue}/edit`, { description: 'The new way.', as: 'grace' });
  await linear.seen(issue, /Passing the edit of the issue to the agent at work\./);
  // Our own edit, and one of labels alone, say nothing.
  await linear.people(`issues/${issue}/edit`, { labels: ['Later'] });
  await linear.people(`issues/${issue}/edit`, { description: 'The new way.', priority: 1, as: 'cyrus' });
  await until(
    'the edit to have come twice',
    async () =>
      (await linear.deliveries()).filter(
        (each) =>
          JSON.stringify(each.body).includes('"updatedFrom":{"updatedAt"') &&
          JSON.stringify(each.body).includes('The old way.') &&
          each.event === 'Issue',
      ).length >= 2,
  );
  await release();
  await linear.closing(issue);
  await until('the first thread to be answered', async () => (await linear.byId(first.id)).closings === 1);
  expect((await linear.byId(second.id)).closings).toBe(1);
  const last = (await model.requestsAbout('Edit me')).at(-1)?.userTexts ?? [];
  const count = (text: string): number => last.join('\n').split(text).length - 1;
  expect(count('<description-now>\nThe new way.\n</description-now>')).toBe(1);
  expect(count('<description-before>\nThe old way.\n</description-before>')).toBe(1);
  expect(last.join('\n')).toMatch(/Grace.* edited the issue while you work on it/);
  await allEnded();
});

test('closing the issue stops the work at once, with one answer that says why', async () => {
  const { linear, model } = world;
  const issue = await working('Close me');
  await linear.people(`issues/${issue}/close`, { state: 'Canceled' });
  const answer = await linear.closing(issue);
  expect(answer).toMatchObject({ type: 'response', body: expect.stringMatching(/moved the issue to Canceled/) });
  await allEnded();
  const requests = (await model.requests()).length;
  // Opened again and asked for in the thread it is work as any other.
  await linear.people(`issues/${issue}/reopen`);
  await linear.say(issue, 'Do it after all.');
  await until('the agent to be back', async () => (await model.requests()).length > requests);
  await release();
  expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Done\./);
  expect(await linear.closings(issue)).toHaveLength(2);
  await allEnded();
});

test('an issue that is deleted while it is worked on ends its work, and nothing is tried for ever', async () => {
  const { linear } = world;
  const issue = await working('Delete me');
  await linear.people(`issues/${issue}/remove`);
  await allEnded();
  await nothingWaits();
  expect((await tasks()).find((task) => task.identifier === issue)?.state).toBe('stopped');
  const { byOperation } = await linear.calls();
  expect(byOperation['CreateActivity']).toBeLessThan(60);
  await until('its checkout to be gone', async () => (await world.checkouts('work')).length === 0);
});

test('taken away and given back at once: the second asking is done, and each has its one answer', async () => {
  const { linear, github } = world;
  const issue = await working('Take me back');
  const first = await linear.session(issue);
  await linear.people(`issues/${issue}/undelegate`);
  await linear.people(`issues/${issue}/delegate`);
  const second = await until('a second session', async () => {
    const session = await linear.session(issue);
    return session.id !== first.id && session;
  });
  const explain = (): Promise<string> => linear.describe(issue);
  await until(
    'the second to be done',
    async () => {
      await releaseAll();
      return /^✅/.test(closingOf(await linear.byId(second.id)) ?? '');
    },
    { explain, withinMs: 90_000 },
  );
  // Deliveries overtake each other: where the second came first, the work was no longer to be stopped.
  await until('the first to be answered', async () => (await linear.byId(first.id)).closings === 1);
  expect(closingOf(await linear.byId(first.id))).toMatch(/took the issue away|^✅/);
  expect((await linear.byId(second.id)).closings).toBe(1);
  expect(await github.pulls('app', issue)).toHaveLength(1);
  await allEnded();
});

test('a team out of reach: its work stops with an answer, and what is asked for there says what to do', async () => {
  const { linear } = world;
  const issue = await working('Lose sight of me', { team: 'OPS' });
  await linear.people('app/team-access', { removed: ['OPS'] });
  expect((await linear.closing(issue)).body).toMatch(/My access to the team OPS was taken away/);
  await allEnded();
  const later = await linear.assign({ title: 'Cannot be read', team: 'OPS' } as never);
  const answer = await linear.closing(later);
  expect(answer.type).toBe('error');
  expect(answer.body).toMatch(/cannot be read/);
  expect(answer.body).toMatch(/\*\*What to do:\*\*/);
  expect(await linear.closings(later)).toHaveLength(1);
  await linear.people('app/team-access', { added: ['OPS'] });
});

test('the app is removed from the workspace: everything stops, nothing is tried any more, and the status says so', async () => {
  const { linear } = world;
  expect(await linear.violations()).toEqual([]);
  await working('Revoke me');
  await linear.people('app/revoke');
  await allEnded();
  await nothingWaits();
  const { stdout } = await world.cyrus('status');
  expect(stdout).toMatch(/removed the app/);
  expect(stdout).toMatch(/install the app/i);
});

function closingOf(session: SessionView): string | undefined {
  const closings = session.activities.filter((each) => each.byAgent && ['response', 'error', 'elicitation'].includes(each.type));
  return closings.at(-1)?.body ?? undefined;
}
