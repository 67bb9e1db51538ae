import { RatelimitedLinearError } from '@linear/sdk';
import { describe, expect, test } from 'vitest';
import { Limits } from '../src/access/limits.ts';
import { query, startBench } from './harness.ts';

describe('limits', () => {
  test('each answer says what is left and what it cost', async () => {
    const { linear } = await startBench();
    const first = await query(linear.graphqlUrl, '{ viewer { id name } }');
    const second = await query(linear.graphqlUrl, '{ viewer { id name } }');
    expect(first.headers.get('x-complexity')).toBe('2');
    expect([first, second].map((answer) => answer.headers.get('x-ratelimit-requests-remaining'))).toEqual(['4999', '4998']);
    expect(second.headers.get('x-ratelimit-complexity-limit')).toBe('2000000');
    expect(Number(second.headers.get('x-ratelimit-requests-reset'))).toBeGreaterThan(Date.now());
  });

  test('the request after the last one is refused as the SDK expects it', async () => {
    const { agent, human } = await startBench({ requestsPerHour: 2 });
    await agent.viewer;
    await agent.viewer;
    const refused = await agent.viewer.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(RatelimitedLinearError);
    expect(refused).toMatchObject({ requestsLimit: 2, requestsRemaining: 0, retryAfter: 1800 });
    expect((await human.viewer).name).toBe('Ada');
  });

  test('a query over 10,000 points is refused before it runs', async () => {
    const { linear } = await startBench();
    const text = '{ issues(first: 250) { nodes { comments { nodes { id } } } } }';
    const answer = await query(linear.graphqlUrl, text);
    expect([answer.status, answer.body.errors[0]?.message]).toEqual([400, 'Query too complex']);
  });

  test('the allowance comes back evenly over the hour, faster when time is scaled', () => {
    const limits = new Limits(60, 60);
    const charge = (now: number): boolean => limits.charge('user', 'app', 1, now).allowed;
    for (let request = 0; request < 60; request++) expect(charge(0)).toBe(true);
    expect(charge(0)).toBe(false);
    expect(charge(999)).toBe(false);
    expect(charge(1_000)).toBe(true);
    expect(charge(1_000)).toBe(false);
  });
});
