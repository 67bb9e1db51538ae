import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { operations } from '../src/operations.ts';
import { type Observed, startCodegen } from '../src/server.ts';
import { judge, pinned, publishedFile, readPublished } from './contract.ts';

const file = publishedFile();

// The description is the service's own and comes with no checkout: without it, what is pinned here is what everything is held to.
test.runIf(file !== undefined)('what is pinned is what the service published', () => {
  const published = readPublished(file ?? '');
  expect(pinned.schemas).toEqual(published.schemas);
  expect(pinned.described).toEqual(published.described);
});

test('every call that is modelled is described', () => {
  expect(Object.keys(pinned.described).sort()).toEqual(operations.map(({ name }) => name).sort());
});

describe('the judge', () => {
  const check = judge(pinned);
  const call = { query: {}, request: undefined };
  test.each<[string, Observed, RegExp | undefined]>([
    [
      'a status of another type',
      { ...call, operation: 'runs.get', status: 200, body: { id: 1, organization_id: 1, status: 3 } },
      /\/status must be string/,
    ],
    ['a missing id', { ...call, operation: 'runs.get', status: 200, body: { organization_id: 1 } }, /required property 'id'/],
    [
      'a field nobody knows in a request',
      { ...call, operation: 'runs.create', request: { prompt: 'x', mcp_servers: [] }, status: 200, body: { id: 1, organization_id: 1 } },
      /additional properties/,
    ],
    [
      'a page that is too large',
      {
        ...call,
        operation: 'runs.list',
        query: { limit: '500' },
        status: 200,
        body: { items: [], total: 0, page: 1, size: 100, pages: 0 },
      },
      /must be <= 100/,
    ],
    [
      'nothing, where all is well',
      { ...call, operation: 'runs.get', status: 200, body: { id: 1, organization_id: 1, status: null } },
      undefined,
    ],
  ])('notices %s', (_name, observed, problem) => {
    const found = check(observed).join('\n');
    if (problem) expect(found).toMatch(problem);
    else expect(found).toBe('');
  });
});

test('a full drive: every request and every answer satisfies the description', async () => {
  const observed: Observed[] = [];
  const codegen = await startCodegen({ limitFactor: 0, repositories: [], observe: (one) => observed.push(one) });
  try {
    const call = async (method: string, path: string, body?: unknown, token = codegen.token): Promise<{ status: number; body: Loose }> => {
      const response = await fetch(`${codegen.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Loose };
    };
    const org = `/v1/organizations/${codegen.organisationId}`;
    expect((await call('GET', '/v1/users/me')).status).toBe(200);
    expect((await call('GET', '/v1/organizations?skip=0&limit=10')).body['total']).toBe(1);
    expect((await call('POST', `${org}/agent/run`, { prompt: 'x' })).status).toBe(404);
    codegen.addRepository({ fullName: 'acme/app' });
    const repositories = (await call('GET', `${org}/repos`)).body['items'] as readonly Loose[];
    const created = await call('POST', `${org}/agent/run`, {
      prompt: 'CODEGEN:[{"think":"hm"},{"error":"no"},{"push":true},{"pullRequest":true},{"ask":"Which port?"}]',
      metadata: { mine: { number: 1 } },
      repo_id: repositories[0]?.['id'],
      images: [],
      model: 'some-model',
    });
    expect(created).toMatchObject({ status: 200, body: { metadata: { mine: { number: 1 } } } });
    const id = created.body['id'];
    const status = async (): Promise<unknown> => (await call('GET', `${org}/agent/run/${id}`)).body['status'];
    for (let left = 500; left > 0 && (await status()) !== 'PAUSED'; left--) await pause(10);
    expect((await call('GET', `${org}/agent/run/${id}`)).body).toMatchObject({
      status: 'PAUSED',
      result: 'Which port?',
      github_pull_requests: [{ head_branch_name: `codegen-bot/run-${id}` }],
    });
    const logs = (await call('GET', `${org.replace('/v1', '/v1/alpha')}/agent/run/${id}/logs?skip=1&limit=2`)).body;
    expect(logs).toMatchObject({ total_logs: 5, logs: [{ thought: 'hm' }, { message_type: 'ERROR' }] });
    codegen.setFaults({ duplicateLogs: 'overlap' });
    expect((await call('GET', `${org.replace('/v1', '/v1/alpha')}/agent/run/${id}/logs?skip=2`)).body['logs']).toMatchObject([
      { thought: 'hm' },
      { message_type: 'ERROR' },
      { message_type: 'INITIAL_PR_GENERATION' },
      { message_type: 'FINAL_ANSWER' },
    ]);
    expect((await call('POST', `${org}/agent/run/resume`, { agent_run_id: id, prompt: 'CODEGEN:[{"until":"later"}]' })).status).toBe(200);
    expect((await call('POST', `${org}/agent/run/resume`, { agent_run_id: id, prompt: 'again' })).status).toBe(422);
    for (const way of ['unban', 'ban', 'remove-from-pr'])
      expect((await call('POST', `${org}/agent/run/${way}`, { agent_run_id: id })).status).toBe(200);
    expect(await status()).toBe('CANCELLED');
    expect((await call('GET', `${org}/agent/runs?limit=1&source_type=API`)).body).toMatchObject({ total: 1, items: [{ id }] });

    const refused = [
      await call('POST', `${org}/agent/run`, { images: 'x' }),
      await call('POST', `${org}/agent/run`, { prompt: 'x', repo_id: 1 }),
      await call('GET', `${org}/agent/run/1`),
      await call('GET', '/v1/organizations/7/agent/runs'),
      await call('GET', '/v1/organizations/my-org/agent/runs'),
      await call('GET', `${org}/agent/runs?limit=101`),
    ];
    expect(refused.map((one) => one.status)).toEqual([422, 422, 404, 403, 422, 422]);
    expect(refused[0]?.body).toMatchObject({ detail: [{ loc: ['body', 'prompt'] }, { loc: ['body', 'images'] }] });
    codegen.setFaults({ refuseCreate: { count: 1, status: 402 } });
    expect((await call('POST', `${org}/agent/run`, { prompt: 'x' })).status).toBe(402);
    codegen.setFaults({ refuseCreate: { count: 1, status: 429 } });
    expect((await call('POST', `${org}/agent/run`, { prompt: 'x' })).status).toBe(429);
    expect((await call('GET', '/v1/users/me', undefined, 'wrong')).status).toBe(401);
  } finally {
    await codegen.stop();
  }
  const judges = [pinned, ...(file === undefined ? [] : [readPublished(file)])].map(judge);
  for (const check of judges) expect(observed.flatMap(check)).toEqual([]);
  expect([...new Set(observed.map(({ operation }) => operation))].sort()).toEqual(operations.map(({ name }) => name).sort());
});

type Loose = Readonly<Record<string, unknown>>;
