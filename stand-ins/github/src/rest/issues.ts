import { type Answer, answer, invalid } from '../answer.ts';
import { commentBody } from '../bodies/talk.ts';
import { announceComment } from '../hooks.ts';
import { type Comment, timestamp } from '../world.ts';
import { type Call, pullOf, repositoryOf, textOf } from './context.ts';
import { page } from './page.ts';

/** Comments on pull requests; plain issues are not modelled. */
export async function createComment(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const body = textOf(call.body, 'body');
  if (body === undefined || body.trim() === '') throw invalid({ resource: 'IssueComment', field: 'body', code: 'missing_field' });
  if ([...body].length > 65_536)
    throw invalid({
      resource: 'IssueComment',
      code: 'unprocessable',
      field: 'data',
      message: 'Body is too long (maximum is 65536 characters)',
    });
  const comment: Comment = { id: call.site.nextId(), number: pull.number, author: call.caller, body, createdAt: timestamp() };
  repository.comments.push(comment);
  announceComment(call.site, repository, comment, call.caller);
  return answer(201, commentBody(call.site.url, repository, comment));
}

export async function listComments(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const since = call.query.get('since') ?? '';
  const comments = repository.comments.filter((comment) => comment.number === pull.number && comment.createdAt >= since);
  return page(call, `/repos/${repository.owner.login}/${repository.name}/issues/${pull.number}/comments`, comments, (slice) =>
    slice.map((comment) => commentBody(call.site.url, repository, comment)),
  );
}
