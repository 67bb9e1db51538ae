import { describe, expect, test } from 'vitest';
import { machineTimeZone } from '../calendar.ts';
import { checkConfig } from './parse.ts';

const budgetsOf = (file: object) => {
  const checked = checkConfig(file);
  if (!checked.ok) throw new Error(JSON.stringify(checked.error));
  const { perTaskUsd, perDayUsd } = checked.value.config.budgets;
  const said = checked.value.warnings.filter(({ message }) => message.includes('names the same budget'));
  return { perTaskUsd, perDayUsd, unused: said.map(({ path }) => path) };
};
const codegen = (limits: object) => ({ codegen: { enabled: true, orgId: 1, apiToken: 'x', estimatedCostPerRunUsd: 1, ...limits } });

describe('one budget under several names', () => {
  test.each<[string, object, ReturnType<typeof budgetsOf>]>([
    ['nothing said: safe', {}, { perTaskUsd: 5, perDayUsd: 50, unused: [] }],
    ['its own name', { budgets: { perTaskUsd: 20, perDayUsd: 200 } }, { perTaskUsd: 20, perDayUsd: 200, unused: [] }],
    ['no limit, said aloud', { budgets: { perTaskUsd: null, perDayUsd: null } }, { perTaskUsd: null, perDayUsd: null, unused: [] }],
    ['nothing may be spent', { budgets: { perDayUsd: 0 } }, { perTaskUsd: 5, perDayUsd: 0, unused: [] }],
    [
      'the name among the limits',
      { limits: { maxCostPerTaskUsd: 9, maxCostPerDayUsd: null } },
      { perTaskUsd: 9, perDayUsd: null, unused: [] },
    ],
    ['the names of Codegen', codegen({ maxCostPerTask: 7, maxCostPerDay: 70 }), { perTaskUsd: 7, perDayUsd: 70, unused: [] }],
    [
      'several: the strictest',
      { budgets: { perTaskUsd: 20 }, limits: { maxCostPerTaskUsd: 9 }, ...codegen({ maxCostPerTask: 12 }) },
      { perTaskUsd: 9, perDayUsd: 50, unused: ['budgets.perTaskUsd', 'codegen.maxCostPerTask'] },
    ],
    [
      'a limit is stricter than none',
      { budgets: { perDayUsd: null }, limits: { maxCostPerDayUsd: 30 } },
      { perTaskUsd: 5, perDayUsd: 30, unused: ['budgets.perDayUsd'] },
    ],
    ['the same twice', { budgets: { perDayUsd: 30 }, limits: { maxCostPerDayUsd: 30 } }, { perTaskUsd: 5, perDayUsd: 30, unused: [] }],
  ])('%s', (_name, file, expected) => {
    expect(budgetsOf(file)).toEqual(expected);
  });
});

test("days are this machine's, unless a zone is named", () => {
  const zone = (file: object) => {
    const checked = checkConfig(file);
    return checked.ok ? checked.value.config.budgets.timeZone : checked.error.map(({ path, allowed }) => `${path}: ${allowed}`);
  };
  expect(zone({})).toBe(machineTimeZone());
  expect(zone({ budgets: { timeZone: 'Europe/Berlin' } })).toBe('Europe/Berlin');
  expect(zone({ budgets: { timeZone: 'Europe/Atlantis' } })).toEqual(['budgets.timeZone: a time zone such as Europe/Berlin or UTC']);
});

test.each<[string, unknown, boolean]>([
  ['list', 'list', true],
  ['included', 'included', true],
  ['a credit', { credit: { monthlyUsd: 100 } }, true],
  ['a word that is none', 'free', false],
  ['a credit without an amount', { credit: {} }, false],
])('claude.billing: %s', (_name, billing, ok) => {
  expect(checkConfig({ claude: { billing } }).ok).toBe(ok);
});

test('a limit below nothing is a mistake', () => {
  expect(checkConfig({ budgets: { perDayUsd: -1 } }).ok).toBe(false);
  expect(checkConfig({ repositories: [{ id: 'a', remoteUrl: 'x', budgets: { perIssueUsd: 'much' } }] }).ok).toBe(false);
});

test('runs whose cost nobody tells are warned of, once', () => {
  const warned = (codegen: object, executors: object = {}) => {
    const checked = checkConfig({ codegen: { enabled: true, orgId: 1, apiToken: 'x', ...codegen }, executors });
    return checked.ok ? checked.value.warnings.filter(({ message }) => message.includes('reports no cost')).map(({ path }) => path) : null;
  };
  expect(warned({})).toEqual(['codegen.estimatedCostPerRunUsd']);
  expect(warned({ maxCostPerTask: 3 })).toEqual(['codegen.maxCostPerTask']);
  expect(warned({ estimatedCostPerRunUsd: 1 })).toEqual([]);
  const silent = { command: 'x', capabilities: { cost: 'none' } };
  const executors = { silent, assumed: { ...silent, estimatedCostPerRunUsd: 1 }, telling: { command: 'x' } };
  expect(warned({ enabled: false }, executors)).toEqual(['executors.silent.estimatedCostPerRunUsd']);
});
