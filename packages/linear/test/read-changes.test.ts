import { readFileSync } from 'node:fs';
import { systemClock } from 'cyrus-core/clock';
import { createLinear, type LinearClient } from 'cyrus-linear/client';
import { findIssueChanges, issueStates, issueThere, type KnownWords } from 'cyrus-linear/read-changes';
import { type LinearStandIn, startLinear } from 'cyrus-stand-in-linear/server';
import { buildSchema, parse, validate } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';

let linear: LinearStandIn;
let client: LinearClient;
beforeAll(async () => {
  linear = await startLinear();
  client = createLinear({ apiUrl: linear.graphqlUrl, token: 'lin_oauth_app', clock: systemClock });
});
afterAll(() => linear.stop());

const known = (fields: { readonly delegate?: boolean } = {}): KnownWords => {
  const { id, identifier, title } = linear.people.createIssue({ title: 'Fix it', description: 'It is broken.', ...fields });
  const delegateId = fields.delegate ? linear.app.id : null;
  return { id, identifier, title, description: 'It is broken.', stateType: 'backlog', delegateId };
};
const look = async (issues: readonly KnownWords[], settledMs = -60_000) => {
  const now = Date.now();
  const found = await findIssueChanges(client, issues, { now, settledBefore: now - settledMs });
  if (!found.ok) throw new Error(found.error.failure.message);
  return found.value.map(({ event }) => event);
};

test.each([issueStates, issueThere])('the query fits the schema', (document) => {
  const sdl = readFileSync(new URL('../../../stand-ins/linear/schema/linear.graphql', import.meta.url), 'utf8');
  expect(validate(buildSchema(sdl, { assumeValidSDL: true, noLocation: true }), parse(document))).toEqual([]);
});

test('what is as it is known tells nothing, in one call however many there are', async () => {
  const issues = Array.from({ length: 5 }, () => known());
  const before = linear.control.calls().total;
  expect(await look(issues)).toEqual([]);
  expect(linear.control.calls().total - before).toBe(1);
  expect(await look([])).toEqual([]);
  expect(linear.control.calls().total - before).toBe(1);
});

test('words, state and delegate that are others come as the events that were lost', async () => {
  const [edited, closed, taken] = [known(), known(), known({ delegate: true })];
  linear.people.edit(edited.id, { description: 'It *is* broken.' });
  linear.people.close(closed.id);
  linear.people.undelegate(taken.id);
  expect(await look([edited, closed, taken])).toMatchObject([
    { type: 'issue-updated', issueId: edited.id, facts: { description: 'It *is* broken.' }, changes: {}, actor: null },
    { type: 'issue-updated', issueId: closed.id, facts: { state: { type: 'completed' } } },
    { type: 'issue-updated', issueId: taken.id, changes: { delegateId: { from: linear.app.id, to: null } } },
  ]);
});

test('an issue that is deleted, archived or out of sight is gone', async () => {
  const [deleted, archived] = [known(), known()];
  linear.people.remove(deleted.id);
  linear.people.archive(archived.id);
  expect(await look([deleted, archived])).toMatchObject([
    { type: 'issue-removed', issueId: deleted.id },
    { type: 'issue-removed', issueId: archived.id },
  ]);
});

test('what has changed a moment ago is left to its webhook', async () => {
  const issue = known();
  linear.people.edit(issue.id, { title: 'Mend it' });
  expect(await look([issue], 30_000)).toEqual([]);
});

test('an issue that was never read is compared by its words alone', async () => {
  const issue = known({ delegate: true });
  linear.people.close(issue.id);
  expect(await look([{ ...issue, stateType: null, delegateId: null }])).toEqual([]);
});

test('a failure is told, and a list without an issue that is there ends nothing', async () => {
  const issue = known();
  linear.control.addFault({ kind: 'http-error', status: 502, times: 1 });
  expect(await findIssueChanges(client, [issue], { now: 0, settledBefore: 0 })).toMatchObject({ ok: false, error: { action: 'retry' } });
  const short: LinearClient = {
    ...client,
    request: (document, variables, signal) =>
      document === issueStates ? client.request(document, { ...variables, ids: [] }, signal) : client.request(document, variables, signal),
  };
  const found = await findIssueChanges(short, [issue], { now: Date.now(), settledBefore: Date.now() });
  expect(found).toEqual({ ok: true, value: [] });
});
