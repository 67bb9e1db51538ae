import { type Answer, answer } from './answer.ts';
import { denied } from './apps.ts';
import { pullNodeId } from './bodies/pull.ts';
import { announcePull } from './hooks.ts';
import type { Call } from './rest/context.ts';
import { timestamp } from './world.ts';

const readyMutation = /^mutation\b[\s\S]*\bmarkPullRequestReadyForReview\s*\(\s*input:\s*\{\s*pullRequestId:\s*\$(\w+)\s*\}\s*\)/;

const failed = (type: string, message: string): Answer =>
  answer(200, { data: { markPullRequestReadyForReview: null }, errors: [{ type, path: ['markPullRequestReadyForReview'], message }] });

/** The one thing that REST does not offer: a draft becomes ready for review. Errors come with status 200, as on the real service. */
export async function graphql({ site, caller, body }: Omit<Call, 'params' | 'query'>): Promise<Answer> {
  const query = typeof body['query'] === 'string' ? body['query'].trim() : '';
  const variable = readyMutation.exec(query)?.[1];
  if (variable === undefined) return answer(501, { message: 'NOT_MODELLED: only the mutation markPullRequestReadyForReview' });
  const id = (body['variables'] as Readonly<Record<string, unknown>> | undefined)?.[variable];
  for (const repository of site.repositories.values()) {
    const pull = repository.pulls.find((candidate) => pullNodeId(candidate) === id);
    if (!pull) continue;
    const refused = denied(caller, repository, ['pull_requests', 'write']);
    if (refused === 'hidden') break;
    if (refused || caller.permission === 'read') return failed('FORBIDDEN', 'Resource not accessible by integration');
    return repository.lock(async () => {
      if (pull.draft) {
        pull.draft = false;
        pull.updatedAt = timestamp();
        await announcePull(site, repository, pull, caller, 'ready_for_review');
      }
      return answer(200, { data: { markPullRequestReadyForReview: { pullRequest: { number: pull.number, isDraft: false } } } });
    });
  }
  return failed('NOT_FOUND', `Could not resolve to a node with the global id of '${String(id)}'`);
}
