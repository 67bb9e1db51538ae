import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commit, shell, write } from './support/model.ts';
import { until } from './support/until.ts';
import { World } from './support/world.ts';

// A day on which nothing may be spent, and issues that may cost three dollars: both are asked about.
let world: World;
let hook: Server;
const heard: string[] = [];

beforeAll(async () => {
  hook = createServer((request, response) => {
    json(request).then(
      (body) => {
        heard.push((body as { text: string }).text);
        response.end('ok');
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const webhookUrl = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alerts`;
  world = await World.open({
    config: {
      budgets: { perDayUsd: 0, perTaskUsd: null, perIssueUsd: 3, timeZone: 'UTC', alerts: { webhookUrl } },
      userAccessControl: { actions: { spend: ['ada@example.test'] } },
    },
  });
});
afterAll(async () => {
  await world?.close();
  hook?.closeAllConnections();
  await new Promise((resolve) => hook?.close(resolve));
});

test('money that is used up is asked about, before a start and in the middle of the work; what is added is spent, told and reported', async () => {
  const { linear, model, github } = world;
  // The second call costs more than the issue may.
  await model.script('Cost something', [
    write('cost.txt', 'much'),
    { ...commit('Cost'), usage: { output_tokens: 60_000 } },
    { ...shell('git log -1'), usage: { output_tokens: 60_000 } },
    { ...shell('git log -1'), usage: { output_tokens: 60_000 } },
    { ...shell('git log -1'), usage: { output_tokens: 60_000 } },
    { text: 'Cost much.' },
  ]);
  const issue = await linear.assign({ title: 'Cost something' });
  const before = await linear.closing(issue);
  expect(before).toMatchObject({ type: 'elicitation', signal: 'select' });
  expect(before.body).toMatch(/^Today's budget of \$0\.00 is used up: \$0\.00 spent\./);
  expect(JSON.stringify(before.signalMetadata)).toMatch(/Raise by \$\d+\.00.*Stop here/);
  expect((await world.cyrus('status')).stdout).toMatch(/Spent today \(UTC\): \$0\.00 of \$0\.00/);

  // Whoever may not spend raises nothing.
  const { id } = await linear.session(issue);
  await linear.people(`sessions/${id}/prompt`, { body: 'raise by 900', as: 'Grace' });
  expect((await linear.closing(issue, 2)).body).toMatch(/^Grace, you are not on the list of people who may decide on money here/);

  await linear.say(issue, 'raise by 40');
  const during = await linear.closing(issue, 3);
  expect(during.body).toMatch(
    /^The budget of this issue of \$3\.00 (has \$[\d.]+ left, which is too little to go on|is used up): \$[\d.]+ spent/,
  );
  expect(during.signalMetadata).toMatchObject({ options: [{ value: expect.stringMatching(/^Raise by/) }, { value: 'Stop here' }] });
  await until('the alert to be sent', () =>
    heard.some((text) => /^Cyrus: 80 % of the budget of this issue|The budget of this issue .* is used up/.test(text)),
  );

  await linear.say(issue, 'Raise by $20');
  const done = await linear.closing(issue, 4);
  expect(done.body).toMatch(/^✅ Cost much\./);
  expect(await github.pulls('app', issue)).toHaveLength(1);

  const report = JSON.parse((await world.cyrus('cost-report', '--by', 'issue', '--json')).stdout) as {
    rows: { name: string; cost: number; unpriced: number }[];
  };
  expect(report.rows).toEqual([expect.objectContaining({ name: issue, unpriced: 0 })]);
  const spent = (report.rows[0]?.cost ?? 0) / 1e6;
  expect(spent).toBeGreaterThan(2);
  const [status] = (
    JSON.parse((await world.cyrus('status', '--json')).stdout) as { money: { budgets: { spent: number; limit: number }[] } }
  ).money.budgets;
  expect(status).toMatchObject({ limit: 40_000_000, spent: report.rows[0]?.cost });
  expect(done.body).toContain(`**Cost:** $${spent.toFixed(2)}`);
  expect((await world.cyrus('cost-report', '--by', 'model')).stdout).toMatch(/MODEL +COST/);
}, 300_000);

test('a model without a price is not called, and the answer says which setting helps', async () => {
  const { linear, model } = world;
  const issue = await linear.assign({ title: 'Cost nobody knows what', description: '[model=claude-tomorrow]' });
  const answer = await linear.closing(issue);
  expect(answer.body).toMatch(/claude-tomorrow has no known price[\s\S]*claude\.prices/);
  expect((await model.requests()).filter(({ model: asked }) => asked === 'claude-tomorrow')).toEqual([]);
  const refused = /model refused: The model claude-tomorrow has no known price/;
  await until('the refusal to be shown', async () => refused.test((await world.cyrus('logs', issue)).stdout));
});
