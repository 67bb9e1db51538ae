import { configSchema } from 'cyrus-core/config/schema';
import { expect, test } from 'vitest';
import { unknownCosts } from './money-status.ts';

test('executors that report no cost and of which nothing is assumed are named', () => {
  const silent = { command: 'x', capabilities: { cost: 'none' } };
  const executors = { silent, assumed: { ...silent, estimatedCostPerRunUsd: 1 }, telling: { command: 'x' } };
  const codegen = { enabled: true, orgId: 1, apiToken: 'x' };
  expect(unknownCosts(configSchema.parse({ executors }))).toEqual(['silent']);
  expect(unknownCosts(configSchema.parse({ executors, codegen }))).toEqual(['codegen', 'silent']);
});
