import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseEvent } from 'cyrus-github/events';
import { verifyWebhook } from 'cyrus-github/webhook';
import { startGitHub } from 'cyrus-stand-in-github/server';
import { expect, test } from 'vitest';

test('what the service sends is verified and read', async () => {
  const events: ReturnType<typeof parseEvent>[] = [];
  const ids: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const incoming = { rawBody: Buffer.concat(chunks), headers: request.headers };
      const verified = verifyWebhook(incoming, 's3cret');
      const forged = verifyWebhook(incoming, 'other');
      response.writeHead(verified.ok && !forged.ok ? 204 : 500).end();
      if (!verified.ok) return;
      ids.push(verified.value.deliveryId);
      const event = parseEvent(verified.value);
      if (event) events.push(event);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/github`;
  const github = await startGitHub({ webhook: { url, secret: 's3cret' } });
  try {
    await github.createRepository({ owner: 'acme', name: 'widget' });
    const on = { repository: 'acme/widget', number: 1 };
    const { sha } = await github.people.push({ repository: 'acme/widget', branch: 'feat', files: { a: 'a' } });
    const headers = { authorization: `Bearer ${github.token}` };
    const body = JSON.stringify({ title: 't', head: 'feat', base: 'main' });
    await fetch(`${github.url}/repos/acme/widget/pulls`, { method: 'POST', headers, body });
    await github.people.check({ repository: 'acme/widget', ref: 'feat', name: 'ci', conclusion: 'failure' });
    await github.people.comment({ ...on, body: 'please fix مرحبا 👩‍🚀', by: 'zoë' });
    await github.people.review({ ...on, state: 'CHANGES_REQUESTED', body: 'no', by: 'zoë' });
    const { sha: merge } = await github.people.merge(on);
    const { appId } = await github.people.createApp({ name: 'Cyrus', owner: 'acme' });
    const { id } = await github.people.install({ appId, account: 'acme' });
    await github.people.uninstall({ id });
    await github.settled();

    const common = { repository: 'acme/widget' };
    expect(events).toMatchObject([
      { ...common, type: 'push', ref: 'refs/heads/feat', before: '0'.repeat(40), after: sha, deleted: false, by: 'alice' },
      { ...common, type: 'checks_completed', scope: 'check', name: 'ci', state: 'failure', sha, pullRequests: [1], by: 'ci' },
      { ...common, type: 'checks_completed', scope: 'suite', name: 'CI', state: 'failure', sha, pullRequests: [1] },
      { ...common, type: 'comment_created', number: 1, onPullRequest: true, body: 'please fix مرحبا 👩‍🚀', by: 'zoë', byBot: false },
      { ...common, type: 'review_submitted', number: 1, verdict: 'changes_requested', body: 'no', headSha: sha, by: 'zoë' },
      { ...common, type: 'push', ref: 'refs/heads/main', after: merge },
      {
        ...common,
        type: 'pull_request_closed',
        number: 1,
        url: expect.stringMatching(/\/pull\/1$/),
        merged: true,
        mergeCommitSha: merge,
        head: 'feat',
        headSha: sha,
        base: 'main',
      },
      { type: 'access_changed', account: 'acme', action: 'deleted' },
    ]);
    expect(github.deliveries().every((delivery) => delivery.status === 204)).toBe(true);
    expect(github.deliveries().map((delivery) => delivery.id)).toEqual(ids);
  } finally {
    await github.stop();
    await new Promise((resolve) => server.close(resolve));
  }
});
