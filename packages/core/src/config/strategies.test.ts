import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkConfig } from './parse.ts';
import type { Config } from './schema.ts';

function loaded(file: object): { readonly config: Config; readonly warnings: readonly string[] } {
  const parsed = checkConfig(file);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return { config: parsed.value.config, warnings: parsed.value.warnings.map(({ path, message }) => `${path} ${message}`) };
}

function mistakes(file: object): readonly string[] {
  const parsed = checkConfig(file);
  if (parsed.ok) throw new Error('it is no mistake');
  return parsed.error.map(({ path, allowed, fix }) => `${path}: ${allowed}; ${fix}`);
}

const codegen = { enabled: true, orgId: 1, apiToken: 't', estimatedCostPerRunUsd: 1 };

describe('strategy', () => {
  test.each<[string, object, string]>([
    ['absent', {}, 'local-only'],
    ['its own', { strategy: 'hybrid-parallel' }, 'hybrid-parallel'],
    ['of codegen, as other versions have it', { codegen: { ...codegen, strategy: 'hybrid-smart' } }, 'hybrid-smart'],
    ['its own before that', { strategy: 'cost-optimized', codegen: { ...codegen, strategy: 'hybrid-smart' } }, 'cost-optimized'],
  ])('%s', (_name, file, strategy) => expect(loaded(file).config.strategy).toBe(strategy));

  test('what the extra cost has to bring has defaults', () => {
    expect(loaded({}).config.strategyOptions).toEqual({ minReturn: 1, valuePerHourUsd: 10 });
    expect(loaded({ strategyOptions: { minReturn: 3 } }).config.strategyOptions).toEqual({ minReturn: 3, valuePerHourUsd: 10 });
  });

  test('a strategy that is none is told with all there are', () => {
    expect(mistakes({ strategy: 'hybrid' })).toEqual([
      'strategy: "local-only", "cloud-only", "hybrid-smart", "hybrid-parallel", "cost-optimized"; choose one of these',
    ]);
  });
});

describe('orchestrationStrategy', () => {
  test('rules, an order, and the names of other versions load', () => {
    const orchestrationStrategy = {
      primary: 'local',
      fallback: ['codegen', 'openai'],
      rules: [
        { when: { type: ['builder', 'debugger'], complexity: 'high', labels: 'Backend' }, use: 'codegen' },
        {
          when: { repository: 'shop', estimatedCostUsd: { max: 0.1 }, requiresIsolation: false },
          use: ['local', 'codegen'],
          only: true,
          reason: 'cheap',
        },
        { use: 'claude' },
      ],
    };
    const { config, warnings } = loaded({ codegen, orchestrationStrategy });
    expect(config.orchestrationStrategy?.rules?.[0]).toEqual(orchestrationStrategy.rules[0]);
    expect(config.orchestrationStrategy?.rules?.[2]).toEqual({ when: {}, use: 'claude' });
    expect(warnings).toEqual([
      'orchestrationStrategy.fallback[1] names "openai", which is not there, so it is passed over; there are: claude, local, cloud, codegen',
    ]);
  });

  test.each<[string, object, RegExp]>([
    [
      'a key that is none',
      { rules: [{ when: { typ: 'builder' }, use: 'claude' }] },
      /^orchestrationStrategy\.rules\[0\]\.when\.typ: type, complexity, .*did you mean "type"\?$/,
    ],
    ['a rule without an executor', { rules: [{ when: {} }] }, /^orchestrationStrategy\.rules\[0\]\.use: /],
    [
      'a complexity that is none',
      { rules: [{ when: { complexity: 'huge' }, use: 'claude' }] },
      /^orchestrationStrategy\.rules\[0\]\.when\.complexity: "low", "medium", "high"/,
    ],
    [
      'an estimate that is no range',
      { rules: [{ when: { estimatedMinutes: 5 }, use: 'claude' }] },
      /^orchestrationStrategy\.rules\[0\]\.when\.estimatedMinutes: an object/,
    ],
  ])('%s', (_name, orchestrationStrategy, expected) => {
    const told = mistakes({ orchestrationStrategy });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(expected);
  });
});

test.each<[string, object, readonly string[]]>([
  [
    'an executor that the strategy keeps from work',
    { executor: 'codegen', codegen: { ...codegen, strategy: 'local-only' } },
    ['executor is "codegen", which runs in the cloud, and the strategy "local-only" gives it nothing'],
  ],
  [
    'a cloud-only strategy without a cloud',
    { strategy: 'cloud-only' },
    ['strategy is "cloud-only", and no cloud executor is enabled: all work will wait'],
  ],
  [
    'a strategy and an order',
    { strategy: 'local-only', orchestrationStrategy: { primary: 'claude' } },
    ['strategy is not used, because orchestrationStrategy.primary is set'],
  ],
  [
    'a cloud without a strategy',
    { cursor: { enabled: true, apiKey: 'k' } },
    ['strategy is absent, so the default "local-only" holds and tasks run on this machine'],
  ],
  ['nothing odd', { strategy: 'hybrid-smart', codegen }, []],
])('a word about %s', (_name, file, expected) => {
  expect(loaded(file).warnings).toEqual(expected);
});

test('every example of the guide is right', () => {
  const guide = readFileSync(new URL('../../../../docs/strategies.md', import.meta.url), 'utf8');
  const examples = [...guide.matchAll(/```json\n(.*?)```/gs)].map((match) => JSON.parse(match[1] ?? '') as object);
  expect(examples).toHaveLength(5);
  for (const example of examples)
    expect(
      loaded({
        codegen: { ...codegen, strategy: 'hybrid-smart' },
        repositories: [{ id: 'shop', remoteUrl: 'https://host/shop' }],
        ...example,
      }).warnings,
    ).toEqual([]);
});
