import { strategies } from 'cyrus-core/config/strategies';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from './support/agent.ts';
import { Codegen } from './support/codegen.ts';
import { change } from './support/model.ts';
import { githubToken, plainRepository, World } from './support/world.ts';

// One issue, five strategies, and an executor of each kind: the agent here, a command of the user's own, and a cloud service.
let world: World;
let codegen: Codegen;
let remoteUrl: string;

beforeAll(async () => {
  world = await World.open({ repositories: {}, start: false });
  remoteUrl = await world.github.create('app', plainRepository);
  codegen = await Codegen.start(world.github, githubToken, ['acme/app']);
  await world.model.script(title, change('claude.txt', 'by claude\n'));
  await codegen.script(title, [{ write: { 'codegen.txt': 'by codegen\n' } }, { push: true }, { end: 'COMPLETE', result: 'Done there.' }]);
});
afterAll(async () => {
  await world?.close();
  await codegen?.program.end();
});

const title = 'Say farewell';
/** Long enough to be work of medium size. */
const description = `When a person leaves, ${Array.from({ length: 12 }, () => 'say something kind to them and').join(' ')} then be silent.`;

const expected: Readonly<Record<(typeof strategies)[number], readonly [executor: string, reason: string]>> = {
  'local-only': ['claude', 'the default executor'],
  'cloud-only': ['codegen', 'cloud-only: all work goes to the cloud'],
  'hybrid-smart': ['codegen', 'hybrid-smart: larger changes go to the cloud'],
  'hybrid-parallel': ['codegen', 'hybrid-parallel: execution goes to the cloud'],
  'cost-optimized': ['mine', 'cost-optimized: the cheapest, about $0.05'],
};

interface Decision {
  readonly executorId: string;
  readonly strategy: string;
  readonly reason: string;
  readonly state: string;
  readonly alternatives: readonly { readonly executorId: string }[];
}

test.each(strategies)(
  'the same issue under %s: from the webhook to one pull request, by whom it says, for the reason that it says',
  async (strategy) => {
    const { linear, github } = world;
    await world.configure({
      repositories: [{ id: 'app', remoteUrl }],
      codegen: codegen.config({ estimatedCostPerRunUsd: 2 }),
      executors: { mine: { ...scriptedAgent({ file: 'mine.txt', output: 'Done my way.' }), estimatedCostPerRunUsd: 0.05 } },
      cloudRuns: { branchWaitMs: 10_000 },
      // It does not answer with the tool, so that the rules stand; what it used is charged all the same, once for the same text.
      analysis: { model: 'claude-haiku-4-5' },
      strategy,
      // The time that earlier runs took decides nothing here: only the price does.
      strategyOptions: { valuePerHourUsd: 0 },
    });
    await world.start();
    try {
      const [executor, reason] = expected[strategy];
      const issue = await linear.assign({ title, description });
      expect((await linear.closing(issue)).body).toMatch(/^✅ /);
      expect(await linear.closings(issue)).toHaveLength(1);
      expect((await linear.seen(issue, /^Starting on /)).body).toContain(`Starting on **${executor}** (${reason}).`);

      const pulls = await github.pulls('app', issue);
      expect(pulls.map(({ state }) => state)).toEqual(['open']);
      const files = (await github.git('app', 'ls-tree', '-r', '--name-only', pulls[0]?.head ?? '')).split('\n');
      expect(files.filter((file) => file.endsWith('.txt'))).toEqual([`${executor}.txt`]);

      const { decisions } = JSON.parse((await world.cyrus('explain', issue, '--json')).stdout) as { decisions: readonly Decision[] };
      expect(decisions).toEqual([expect.objectContaining({ executorId: executor, strategy, reason, state: 'succeeded' })]);
      const others = ['claude', 'codegen', 'mine'].filter((id) => id !== executor);
      expect(decisions[0]?.alternatives.map(({ executorId }) => executorId).sort()).toEqual(others);
      const { stdout } = await world.cyrus('explain', issue);
      expect(stdout).toMatch(/^Taken for a task of medium size, a change of the code \(builder\)$/m);
      expect(stdout).toContain(`Attempt 1: ${executor} (chosen at `);
      expect(stdout).toContain(`  why       ${reason}\n`);
    } finally {
      await world.service.end();
    }
  },
);

test('what all of it cost is the same however it is summed up, and what the budgets have; the look at the issue is in it', async () => {
  type Costs = Readonly<Record<string, number>>;
  const reports: { readonly rows: readonly Costs[]; readonly total: Costs }[] = [];
  for (const by of ['repository', 'issue', 'executor', 'model'])
    reports.push(JSON.parse((await world.cyrus('cost-report', '--by', by, '--json')).stdout));
  const [first] = reports;
  for (const { rows, total } of reports) {
    expect(total).toEqual(first?.total);
    expect(rows.reduce((sum, row) => sum + (row['cost'] ?? 0), 0)).toBe(total['cost']);
  }
  // Three runs at Codegen and one of the user's own command are assumed; the agent here and the look at the issue are counted.
  expect(first?.total).toMatchObject({ attempts: 5, estimated: 6_050_000, unpriced: 0 });
  expect(first?.total['analysis']).toBeGreaterThan(0);
  const { money } = JSON.parse((await world.cyrus('status', '--json')).stdout) as {
    money: { budgets: readonly { scope: string; spent: number }[] };
  };
  expect(money.budgets.find(({ scope }) => scope === 'month')?.spent).toBe(first?.total['cost']);
  expect((await world.cyrus('cost-report', '--by', 'executor')).stdout).toMatch(/^\(analysis\) +.* of it analysis$/m);
});
