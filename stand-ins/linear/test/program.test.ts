import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { query, startBench, startSession, until } from './harness.ts';

const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const schema = fileURLToPath(new URL('../schema/linear.graphql', import.meta.url));

async function send(url: string, body: unknown = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return { status: response.status, ...((await response.json()) as object) };
}

describe('the program', () => {
  test('says where it listens, plays the person over HTTP, finds a schema elsewhere, ends on SIGTERM', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'linear-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    cpSync(schema, join(directory, 'elsewhere.graphql'));
    const child = spawn(process.execPath, [program, '--time-scale', '2'], {
      env: { ...process.env, LINEAR_SCHEMA: join(directory, 'elsewhere.graphql') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = await once(createInterface(child.stdout), 'line');
    const ready = JSON.parse(String(line)) as Record<string, string>;
    expect(ready['ready']).toBe(true);
    expect(ready['url']).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { url, graphqlUrl, controlUrl } = ready;
    expect(await send(`${url}/people/issues`, { title: 'Fix it', labels: ['Bug'] })).toMatchObject({ status: 200, identifier: 'ENG-1' });
    const { session } = (await send(`${controlUrl}/people/issues/ENG-1/delegate`)) as { session: { id: string } };
    expect(await send(`${url}/people/sessions/${session.id}/prompt`, { body: 'hi' })).toMatchObject({ activity: { body: 'hi' } });
    expect((await query(graphqlUrl ?? '', '{ issue(id: "ENG-1") { title } }')).body.data?.['issue']?.['title']).toBe('Fix it');
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });

  test('says what is wrong in one line', async () => {
    const child = spawn(process.execPath, [program, '--schema', '/nowhere.graphql'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    const [code] = await once(child, 'exit');
    expect([code, text]).toEqual([1, expect.stringMatching(/^linear-stand-in: ENOENT.*\n$/)]);
  });
});

describe('people over HTTP', () => {
  test('every action, and clear answers to wrong ones', async () => {
    const { linear, act, sessionId } = await startSession();
    const people = `${linear.url}/people`;
    await send(`${people}/issues`, { title: 'second', blockedBy: ['ENG-1'], as: 'Grace' });
    expect(linear.control.issue('ENG-2')?.blockedBy).toEqual(['ENG-1']);
    expect(await send(`${people}/issues/ENG-2/comment`, { body: 'look', mention: true })).toMatchObject({ session: { issue: 'ENG-2' } });
    expect(await send(`${people}/issues/ENG-2/edit`, { title: 'renamed', state: 'Todo' })).toMatchObject({
      title: 'renamed',
      state: 'Todo',
    });
    await act({ type: 'elicitation', body: 'Which?' });
    expect(await send(`${people}/sessions/${sessionId}/answer`, { body: 'this' })).toMatchObject({ session: { status: 'pending' } });
    expect(await send(`${people}/sessions/${sessionId}/stop`)).toMatchObject({ activity: { signal: 'stop' } });
    expect(await send(`${people}/issues/ENG-1/undelegate`)).toMatchObject({ delegate: null });
    expect(await send(`${people}/sessions/${sessionId}/dismiss`)).toMatchObject({ dismissedAt: expect.any(String) });
    expect(await send(`${people}/teams`, { key: 'OPS' })).toMatchObject({ key: 'OPS' });
    expect(await send(`${people}/issues`, { title: 'ops', team: 'OPS' })).toMatchObject({ identifier: 'OPS-1' });
    expect(await send(`${people}/sessions/${sessionId}/delete`)).toMatchObject({ status: 200 });
    expect(await send(`${people}/issues/ENG-9/delegate`)).toMatchObject({ status: 404, error: 'no issue ENG-9' });
    expect(await send(`${people}/issues`, {})).toMatchObject({ status: 400, error: 'title is missing' });
    expect(await send(`${people}/issues/ENG-2/edit`, { state: 'Nope' })).toMatchObject({ status: 404 });
    expect(await send(`${people}/issues/ENG-2/explode`)).toMatchObject({ status: 404 });
    expect(await send(`${people}/issues/ENG-2/edit`, { state: 'Todo', as: 'Eve' })).toMatchObject({ status: 404, error: 'no person Eve' });
  });
});

describe('control', () => {
  test('calls are counted per operation, issue and session', async () => {
    const { linear, act, agent, sessionId } = await startSession();
    await act({ type: 'thought', body: 'x' });
    await act({ type: 'nonsense' }).catch(() => undefined);
    await agent.issue('ENG-1');
    await agent.viewer;
    const calls = linear.control.calls();
    expect(calls).toMatchObject({ total: 4, errors: 1, byField: { agentActivityCreate: 2, issue: 1, viewer: 1 } });
    expect(calls.bySession[sessionId]).toMatchObject({ total: 2, byField: { agentActivityCreate: 2 } });
    expect(calls.byIssue['ENG-1']?.total).toBe(3);
    expect(calls.byUser['Cyrus']?.total).toBe(4);
  });

  test('the journal is read from a number, waiting for the next entry', async () => {
    const { linear, act, sessionId } = await startSession();
    type Page = { next: number; entries: { seq: number; kind: string; session: string; activity: { body: string } }[] };
    const read = async (since: number, wait = 0): Promise<Page> =>
      (await (await fetch(`${linear.url}/control/activities?since=${since}&wait=${wait}`)).json()) as Page;
    const { next, entries } = await read(0);
    expect(entries).toEqual([]);
    const waiting = read(next, 10_000);
    await act({ type: 'thought', body: 'first' });
    const page = await waiting;
    expect(page.entries.map((entry) => [entry.kind, entry.session, entry.activity.body])).toEqual([['activity', sessionId, 'first']]);
    expect((await read(page.next)).entries).toEqual([]);
    expect((await read(0)).entries.length).toBe(1);
  });

  test('the stream follows everything, from where a reader left off', async () => {
    const { linear } = await startBench();
    linear.people.createIssue({ title: 'before' });
    const abort = new AbortController();
    const response = await fetch(`${linear.controlUrl}/control/stream`, { headers: { 'last-event-id': '0' }, signal: abort.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    linear.people.createIssue({ title: 'after' });
    await until(async () => {
      text += (await reader?.read())?.value ?? '';
      return text.includes('after');
    });
    abort.abort();
    expect([...text.matchAll(/^id: (\d+)\nevent: (\w+)$/gm)].map(([, seq, kind]) => [seq, kind])).toEqual([
      ['1', 'issue'],
      ['2', 'issue'],
    ]);
  });
});

test('several hundred sessions at once are no load', async () => {
  const { linear, agent } = await startBench({ requestsPerHour: 1_000_000, events: ['AgentSessionEvent'] });
  const sessions = Array.from(
    { length: 300 },
    (_, number) => linear.people.createIssue({ title: `issue ${number}`, delegate: true }).sessions[0] ?? '',
  );
  for (let round = 0; round < 5; round++)
    await Promise.all(
      sessions.map((agentSessionId) =>
        agent.createAgentActivity({ agentSessionId, content: { type: 'thought', body: `round ${round}` }, ephemeral: true }),
      ),
    );
  const state = linear.control.state();
  expect(state.sessions.map((session) => session.activities.filter((each) => !each.replaced).length)).toEqual(sessions.map(() => 1));
  expect(linear.control.calls().total).toBe(1_500);
  await until(() => linear.control.deliveries().filter((each) => each.status === 200).length === 300);
});
