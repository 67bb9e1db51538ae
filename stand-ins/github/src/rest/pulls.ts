import { type Answer, answer, invalid, refusal } from '../answer.ts';
import { branchHead, git } from '../bare.ts';
import { pullFull, pullSimple } from '../bodies/pull.ts';
import type { Schemas } from '../bodies/schemas.ts';
import { reviewBody } from '../bodies/talk.ts';
import { announcePull } from '../hooks.ts';
import { mergePull } from '../merge.ts';
import { computeMergeable, pullFacts } from '../pull-facts.ts';
import { type Pull, type Repository, timestamp } from '../world.ts';
import { type Call, pullOf, repositoryOf, textOf } from './context.ts';
import { page } from './page.ts';

const resource = 'PullRequest';
const custom = (message: string) => invalid({ resource, code: 'custom', message });

/** Titles and bodies the real service refuses. @throws Refusal 422 */
function checkTexts(title: string | undefined, body: string | undefined): void {
  if (title !== undefined && [...title].length > 256) throw custom('title is too long (maximum is 256 characters)');
  if (body !== undefined && [...body].length > 65_536) throw custom('body is too long (maximum is 65536 characters)');
}

const openTwin = (repository: Repository, head: string, base: string): Pull | undefined =>
  repository.pulls.find((pull) => pull.state === 'open' && pull.head === head && pull.base === base);

export async function createPull(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const { body, site } = call;
  const [title, headText, base] = [textOf(body, 'title'), textOf(body, 'head'), textOf(body, 'base')];
  if (title === undefined || title.trim() === '') throw invalid({ resource, field: 'title', code: 'missing_field' });
  if (headText === undefined) throw invalid({ resource, field: 'head', code: 'missing_field' });
  if (base === undefined) throw invalid({ resource, field: 'base', code: 'missing_field' });
  checkTexts(title, textOf(body, 'body'));
  const [owner, named] = headText.includes(':')
    ? [headText.slice(0, headText.indexOf(':')), headText.slice(headText.indexOf(':') + 1)]
    : [];
  const head = named ?? headText;
  return repository.lock(async () => {
    if (owner !== undefined && owner.toLowerCase() !== repository.owner.login.toLowerCase())
      throw invalid({ resource, field: 'head', code: 'invalid' });
    const [headSha, baseSha] = await Promise.all([branchHead(repository.directory, head), branchHead(repository.directory, base)]);
    if (headSha === undefined) throw invalid({ resource, field: 'head', code: 'invalid' });
    if (baseSha === undefined) throw invalid({ resource, field: 'base', code: 'invalid' });
    if (openTwin(repository, head, base)) throw custom(`A pull request already exists for ${repository.owner.login}:${head}.`);
    if ((await git(repository.directory, ['rev-list', '--count', `${baseSha}..${headSha}`])) === '0')
      throw custom(`No commits between ${base} and ${head}`);
    const at = timestamp();
    const pull: Pull = {
      id: site.nextId(),
      number: repository.nextNumber,
      createdAt: at,
      author: call.caller,
      title,
      body: textOf(body, 'body') ?? null,
      state: 'open',
      draft: body['draft'] === true,
      head,
      base,
      headSha,
      baseSha,
      updatedAt: at,
      closedAt: null,
      mergedAt: null,
      mergedBy: null,
      mergeCommitSha: null,
      maintainerCanModify: body['maintainer_can_modify'] === true,
    };
    repository.nextNumber += 1;
    repository.pulls.push(pull);
    await announcePull(site, repository, pull, call.caller, 'opened');
    return answer(201, pullFull(site.url, repository, pull, await pullFacts(repository, pull)));
  });
}

/** `head` works only as `owner:branch`; anything else is ignored, as on the real service. */
export async function listPulls(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const [state, head, base] = [call.query.get('state') ?? 'open', call.query.get('head'), call.query.get('base')];
  const found = repository.pulls.filter(
    (pull) =>
      (state === 'all' || pull.state === state) &&
      (!head?.includes(':') || `${repository.owner.login}:${pull.head}` === head) &&
      (!base || pull.base === base),
  );
  const byUpdate = call.query.get('sort') === 'updated';
  found.sort((a, b) => (byUpdate ? a.updatedAt.localeCompare(b.updatedAt) : 0) || a.number - b.number);
  if ((call.query.get('direction') ?? 'desc') === 'desc') found.reverse();
  return page(call, `/repos/${repository.owner.login}/${repository.name}/pulls`, found, (slice) =>
    slice.map((pull) => pullSimple(call.site.url, repository, pull)),
  );
}

/** The first read after a commit moved answers `mergeable: null` and starts the computation, as on the real service. */
export async function getPull(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const body = pullFull(call.site.url, repository, pull, await pullFacts(repository, pull));
  if (pull.state === 'open') await computeMergeable(repository, pull);
  return answer(200, body);
}

export async function updatePull(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const { body, site } = call;
  const [title, text, state, base] = [textOf(body, 'title'), textOf(body, 'body'), textOf(body, 'state'), textOf(body, 'base')];
  checkTexts(title, text);
  if (title !== undefined && title.trim() === '') throw invalid({ resource, field: 'title', code: 'missing_field' });
  if (state !== undefined && state !== 'open' && state !== 'closed') throw invalid({ resource, field: 'state', code: 'invalid' });
  return repository.lock(async () => {
    if (base !== undefined && base !== pull.base) {
      if (pull.state === 'closed') throw custom('Cannot change the base branch of a closed pull request.');
      const baseSha = await branchHead(repository.directory, base);
      if (baseSha === undefined) throw invalid({ resource, field: 'base', code: 'invalid' });
      if (openTwin(repository, pull.head, base))
        throw custom(`A pull request already exists for base branch '${base}' and head branch '${pull.head}'`);
      Object.assign(pull, { base, baseSha });
    }
    if (state === 'open' && pull.state === 'closed' && (pull.mergedAt !== null || openTwin(repository, pull.head, pull.base)))
      throw custom(
        pull.mergedAt === null ? `A pull request already exists for ${repository.owner.login}:${pull.head}.` : 'state cannot be changed.',
      );
    const at = timestamp();
    if (title !== undefined) pull.title = title;
    if (text !== undefined || body['body'] === null) pull.body = text ?? null;
    pull.updatedAt = at;
    if (state !== undefined && state !== pull.state) {
      Object.assign(pull, { state, closedAt: state === 'closed' ? at : null });
      await announcePull(site, repository, pull, call.caller, state === 'closed' ? 'closed' : 'reopened');
    }
    return answer(200, pullFull(site.url, repository, pull, await pullFacts(repository, pull)));
  });
}

export async function mergePullCall(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const method = textOf(call.body, 'merge_method') ?? 'merge';
  if (method !== 'merge' && method !== 'squash') throw refusal(405, 'Rebase merges are not allowed on this repository.');
  const [sha, title, message] = [textOf(call.body, 'sha'), textOf(call.body, 'commit_title'), textOf(call.body, 'commit_message')];
  const outcome = await repository.lock(() => mergePull(call.site, repository, pull, call.caller, 'api', { method, sha, title, message }));
  if (outcome.kind === 'moved') throw refusal(409, outcome.message);
  if (outcome.kind === 'not_mergeable') throw refusal(405, outcome.message);
  const body: Schemas['pull-request-merge-result'] = { sha: outcome.sha, merged: true, message: 'Pull Request successfully merged' };
  return answer(200, body);
}

export async function listReviews(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const reviews = repository.reviews.filter((review) => review.number === pull.number);
  return page(call, `/repos/${repository.owner.login}/${repository.name}/pulls/${pull.number}/reviews`, reviews, (slice) =>
    slice.map((review) => reviewBody(call.site.url, repository, review)),
  );
}
