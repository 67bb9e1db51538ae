import { AuthenticationLinearError, InvalidInputLinearError, LinearClient, LinearDocument, LinearErrorType } from '@linear/sdk';
import { describe, expect, test } from 'vitest';
import { query, startBench, until } from './harness.ts';

describe('the SDK reads the workspace', () => {
  test('viewer and organization, by API key and by app token', async () => {
    const { human, agent } = await startBench();
    const [person, app] = [await human.viewer, await agent.viewer];
    expect([person.name, person.app, person.isMe]).toEqual(['Ada', false, true]);
    expect([app.name, app.app]).toEqual(['Cyrus', true]);
    expect((await agent.organization).urlKey).toBe('local');
    expect((await agent.users()).nodes.map((user) => user.name).sort()).toEqual(['Ada', 'Cyrus', 'Grace']);
  });

  test('teams, states with a filter, labels', async () => {
    const { human } = await startBench();
    const team = (await human.teams()).nodes[0];
    expect(team?.key).toBe('ENG');
    const started = await team?.states({ filter: { type: { eq: 'started' } } });
    expect(started?.nodes.toSorted((a, b) => a.position - b.position).map((state) => state.name)).toEqual(['In Progress', 'In Review']);
    const all = (await human.workflowStates()).nodes.toSorted((a, b) => a.position - b.position).map((state) => state.name);
    expect(all).toEqual(['Triage', 'Backlog', 'Todo', 'In Progress', 'In Review', 'Done', 'Canceled']);
    expect((await human.issueLabels({ filter: { name: { eq: 'Bug' } } })).nodes.map((label) => label.name)).toEqual(['Bug']);
  });

  test('issues, sub-issues, relations and lookup by identifier', async () => {
    const { human, linear } = await startBench();
    const teamId = (await human.teams()).nodes[0]?.id ?? '';
    const first = await (await human.createIssue({ teamId, title: 'Fix checkout', description: 'Make it *work*' })).issue;
    const second = await (await human.createIssue({ teamId, title: 'Sub task', parentId: 'ENG-1' })).issue;
    if (!first || !second) throw new Error('no issue came back');
    expect([first.identifier, (await first.state)?.type, (await human.issue('ENG-1')).id]).toEqual(['ENG-1', 'backlog', first.id]);
    expect((await first.children()).nodes.map((child) => child.id)).toEqual([second.id]);
    expect((await second.parent)?.id).toBe(first.id);
    await human.createIssueRelation({ issueId: second.id, relatedIssueId: 'ENG-1', type: LinearDocument.IssueRelationType.Blocks });
    const blocker = (await first.inverseRelations()).nodes[0];
    expect([blocker?.type, (await blocker?.issue)?.id]).toEqual(['blocks', second.id]);
    expect((await second.relations()).nodes.length).toBe(1);
    expect(linear.control.issue('ENG-1')?.blockedBy).toEqual(['ENG-2']);
    const project = linear.people.edit('ENG-1', { project: 'Shop' });
    expect(project.project).toBe('Shop');
    expect((await (await human.issue('ENG-1')).project)?.name).toBe('Shop');
  });

  test('nested filters and paging', async () => {
    const { human, linear } = await startBench();
    linear.people.createIssue({ title: 'wanted', labels: ['Bug'], assignee: 'Ada' });
    linear.people.createIssue({ title: 'done', labels: ['Bug'], assignee: 'Ada', state: 'Done' });
    for (let number = 0; number < 5; number++) linear.people.createIssue({ title: `page ${number}` });
    const filter = {
      labels: { name: { eq: 'Bug' } },
      state: { type: { nin: ['completed'] } },
      assignee: { email: { eq: 'ada@example.test' } },
    };
    expect((await human.issues({ filter })).nodes.map((issue) => issue.title)).toEqual(['wanted']);
    const either = await human.issues({ filter: { or: [{ title: { startsWith: 'page' } }, { assignee: { null: true } }] } });
    expect(either.nodes.length).toBe(5);
    linear.people.delegate('ENG-1');
    const delegated = { delegate: { id: { eq: linear.app.id } }, updatedAt: { gt: '2020-01-01T00:00:00Z' } };
    expect((await human.issues({ filter: delegated })).nodes.map((issue) => issue.title)).toEqual(['wanted']);
    const page = await human.issues({ first: 3 });
    expect([page.nodes.length, page.pageInfo.hasNextPage]).toEqual([3, true]);
    await page.fetchNext();
    await page.fetchNext();
    expect([page.nodes.length, page.pageInfo.hasNextPage]).toEqual([7, false]);
    const tooMany = await query(linear.graphqlUrl, '{ issues(first: 251) { nodes { id } } }');
    expect(tooMany.body.errors[0]?.extensions['userPresentableMessage']).toMatch(/greater than 250/);
  });

  test('comments with a chosen id: honoured, and refused the second time without an effect', async () => {
    const { human, linear } = await startBench();
    const issue = linear.people.createIssue({ title: 'talk' });
    const id = '0d4c7d1e-6f0b-4d0a-8c3b-1a2b3c4d5e6f';
    const comment = await (await human.createComment({ id, issueId: issue.id, body: 'hello' })).comment;
    expect(comment?.id).toBe(id);
    const again = human.createComment({ id, issueId: issue.id, body: 'hello again' });
    await expect(again).rejects.toBeInstanceOf(InvalidInputLinearError);
    await expect(again).rejects.toThrow(/Entity already exists: Comment/);
    expect(linear.control.issue('ENG-1')?.comments.map((each) => each.body)).toEqual(['hello']);
    await expect(human.createComment({ id: 'mine', issueId: issue.id, body: 'x' })).rejects.toThrow(/must be a UUID/);
  });

  test('an attachment is created once per URL and changed after that', async () => {
    const { agent, linear } = await startBench();
    const issue = linear.people.createIssue({ title: 'pr' });
    const url = 'https://github.com/o/r/pull/1';
    await agent.createAttachment({ issueId: issue.id, title: 'PR #1', url });
    await agent.createAttachment({ issueId: issue.id, title: 'PR #1 merged', url });
    const attachments = (await (await agent.issue(issue.id)).attachments()).nodes;
    expect(attachments.map((each) => each.title)).toEqual(['PR #1 merged']);
    expect((await agent.attachmentsForURL(url)).nodes.length).toBe(1);
  });

  test('a file is uploaded and read with the API token only', async () => {
    const { agent } = await startBench();
    const file = (await agent.fileUpload('text/plain', 'log.txt', 5)).uploadFile;
    if (!file) throw new Error('no upload came back');
    const headers = { 'content-type': 'text/plain', ...Object.fromEntries(file.headers.map(({ key, value }) => [key, value])) };
    expect((await fetch(file.uploadUrl, { method: 'PUT', body: 'hello', headers })).status).toBe(200);
    expect((await fetch(file.assetUrl)).status).toBe(401);
    const read = await fetch(file.assetUrl, { headers: { authorization: 'Bearer lin_oauth_app' } });
    expect([read.headers.get('content-type'), await read.text()]).toEqual(['text/plain', 'hello']);
  });
});

describe('what is refused', () => {
  test('bad credentials: 401 with the code; keys as Bearer and tokens bare are bad', async () => {
    const { linear } = await startBench();
    for (const token of ['', 'lin_api_wrong', 'Bearer lin_api_local', 'lin_oauth_app']) {
      const answer = await query(linear.graphqlUrl, '{ viewer { id } }', { token });
      expect([token, answer.status, answer.body.errors[0]?.extensions['code']]).toEqual([token, 401, 'AUTHENTICATION_ERROR']);
    }
    const stranger = new LinearClient({ accessToken: 'bad', apiUrl: linear.graphqlUrl });
    await expect(stranger.viewer).rejects.toBeInstanceOf(AuthenticationLinearError);
  });

  test('what the schema does not know: 400, before anything runs', async () => {
    const { agent, linear } = await startBench();
    const unknownField = agent.client.rawRequest('{ viewer { nope } }');
    await expect(unknownField).rejects.toMatchObject({
      type: LinearErrorType.GraphqlError,
      message: expect.stringMatching(/Cannot query field/),
    });
    const misspelt = 'mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success } }';
    const answer = await query(linear.graphqlUrl, misspelt, { variables: { input: { titel: 'typo', teamId: 'ENG' } } });
    expect(JSON.stringify(answer.body.errors)).toMatch(/titel/);
    expect((await query(linear.graphqlUrl, '{')).body.errors[0]?.extensions['code']).toBe('GRAPHQL_PARSE_FAILED');
  });

  test('what does not exist: HTTP 200 with an error that is the user’s', async () => {
    const { human, linear } = await startBench();
    await expect(human.issue('ENG-999')).rejects.toBeInstanceOf(InvalidInputLinearError);
    const answer = await query(linear.graphqlUrl, '{ issue(id: "ENG-999") { id } }');
    expect(answer.status).toBe(200);
    expect(answer.body.data).toBeNull();
    expect(answer.body.errors[0]).toMatchObject({
      message: 'Entity not found: Issue',
      extensions: { code: 'INPUT_ERROR', type: 'invalid input', userError: true, statusCode: 400 },
    });
  });

  test('what this server does not model fails loudly: queries, mutations, inputs, fields', async () => {
    const { linear } = await startBench();
    linear.people.createIssue({ title: 'x' });
    const texts = [
      '{ initiatives { nodes { id } } }',
      '{ cycles { nodes { id } } }',
      'mutation { viewerTimezoneUpdate: teamDelete(id: "ENG") { success } }',
      'mutation { issueUpdate(id: "ENG-1", input: { cycleId: "x" }) { success } }',
      '{ issue(id: "ENG-1") { history { nodes { id } } } }',
    ];
    for (const text of texts) {
      const answer = await query(linear.graphqlUrl, text);
      expect([text, answer.body.errors?.[0]?.extensions['code']]).toEqual([text, 'NOT_MODELLED']);
    }
  });

  test('neutral values of required scalars are counted where they were given', async () => {
    const { human, linear } = await startBench();
    linear.people.createIssue({ title: 'x' });
    await human.issue('ENG-1');
    const { scalars, nulls } = (await (await fetch(`${linear.url}/control/fallbacks`)).json()) as Record<string, Record<string, number>>;
    expect(scalars?.['Issue.boardOrder']).toBe(1);
    expect(nulls?.['Issue.trashed']).toBe(1);
    expect(Object.keys(scalars ?? {}).filter((field) => /title|identifier|state$|priority$/.test(field))).toEqual([]);
  });
});

describe('OAuth', () => {
  const token = async (url: string, form: Record<string, string>): Promise<Record<string, string>> => {
    const response = await fetch(`${url}/oauth/token`, { method: 'POST', body: new URLSearchParams(form) });
    return (await response.json()) as Record<string, string>;
  };

  test('client credentials, rotating refresh with replay, revocation', async () => {
    const { linear } = await startBench({ timeScale: 3_000 });
    const client = await token(linear.url, { grant_type: 'client_credentials' });
    expect(client['expires_in']).toBe(2_591_999);
    const agent = new LinearClient({ accessToken: client['access_token'] ?? '', apiUrl: linear.graphqlUrl });
    expect((await agent.viewer).id).toBe(linear.app.id);
    const redirect_uri = 'http://127.0.0.1:1/callback';
    const asked = new URLSearchParams({ client_id: 'app', redirect_uri, response_type: 'code', state: 's', scope: 'read,write' });
    expect((await fetch(`${linear.url}/oauth/authorize?${asked}`)).status).toBe(200);
    const back = new URL(linear.people.authorize().redirect);
    expect([back.origin, back.searchParams.get('state')]).toEqual(['http://127.0.0.1:1', 's']);
    const exchange = { grant_type: 'authorization_code', code: back.searchParams.get('code') ?? '', client_id: 'app', redirect_uri };
    const first = await token(linear.url, exchange);
    expect(await token(linear.url, exchange)).toMatchObject({ error: 'invalid_grant' });
    const refresh = { grant_type: 'refresh_token', refresh_token: first['refresh_token'] ?? '' };
    const second = await token(linear.url, refresh);
    expect(second['refresh_token']).not.toBe(first['refresh_token']);
    expect(await token(linear.url, refresh)).toEqual(second);
    await until(async () => (await token(linear.url, refresh))['error'] === 'invalid_grant');
    const authorization = `Bearer ${client['access_token']}`;
    expect((await fetch(`${linear.url}/oauth/revoke`, { method: 'POST', headers: { authorization } })).status).toBe(200);
    expect((await query(linear.graphqlUrl, '{ viewer { id } }', { token: authorization })).status).toBe(401);
  });

  test('the workspace removes the app: the token dies and the app is told', async () => {
    const { linear, agent, receiver } = await startBench();
    linear.people.revokeApp();
    await until(() => receiver.bodies('OAuthApp', 'revoked')[0]);
    await expect(agent.viewer).rejects.toBeInstanceOf(AuthenticationLinearError);
  });
});
