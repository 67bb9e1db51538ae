import { readdirSync, readFileSync } from 'node:fs';
import { configSchema } from 'cyrus-core/config/schema';
import { describe, expect, test } from 'vitest';
import { executorSettings } from './executor-settings.ts';

describe('the settings of an executor', () => {
  const config = configSchema.parse({
    claude: { maxParallel: 3 },
    codegen: { maxParallel: 4, features: { parallelExecution: false }, defaultModel: 'm' },
    cursor: { maxParallel: 5, estimatedCostPerRunUsd: 2 },
    executors: { mine: { command: 'x', maxParallel: 6 } },
  });
  test.each([
    ['claude', { maxParallel: 3 }],
    ['codegen', { maxParallel: 1, defaultModel: 'm' }],
    ['cursor', { maxParallel: 5, estimatedCostPerRunUsd: 2 }],
    ['mine', { maxParallel: 6 }],
  ])('%s', (id, settings) => expect(executorSettings(config, id)).toMatchObject(settings));
  test.each(['other', 'toString', '__proto__'])('%s: none', (id) => expect(executorSettings(config, id).maxParallel).toBeUndefined());
});

/** An id as a value, as a key, or as a section of the configuration. What a person reads may name a key. */
const named = /(['"`])(?:claude|codegen|cursor)\1|\b(?:claude|codegen|cursor)\??:|(?<!['"`])\b\w+\??\.(?:claude|codegen|cursor)\b/;

test.each(['../../task-orchestrator/src', 'advance'])('nothing that decides knows an executor by its name: %s', (folder) => {
  const directory = new URL(`${folder}/`, import.meta.url);
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  expect(files.length).toBeGreaterThan(5);
  const lines = files.flatMap((file) =>
    readFileSync(new URL(file, directory), 'utf8')
      .split('\n')
      .flatMap((line, index) => (named.test(line) ? [`${file}:${index + 1} ${line.trim()}`] : [])),
  );
  expect(lines).toEqual([]);
});

test.each(["id === 'claude'", 'config.codegen?.x', 'cursor: settings', 'config?.cursor', '`codegen`'])('which sees %s', (line) =>
  expect(line).toMatch(named),
);
