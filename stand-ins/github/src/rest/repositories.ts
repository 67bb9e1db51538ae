import { type Answer, answer, notFound, refusal } from '../answer.ts';
import { branchHead, git } from '../bare.ts';
import { publicUser } from '../bodies/account.ts';
import { branchBody } from '../bodies/commit.ts';
import { apiUrl, fullRepository } from '../bodies/repository.ts';
import { nodeId, type Schemas } from '../bodies/schemas.ts';
import { applyRefChanges } from '../ref-changes.ts';
import { zeroSha } from '../world.ts';
import { type Call, repositoryOf } from './context.ts';

export async function getUser(call: Call): Promise<Answer> {
  return answer(200, publicUser(call.site.url, call.caller, '2020-01-01T00:00:00Z'));
}

export async function getRepository(call: Call): Promise<Answer> {
  return answer(200, fullRepository(call.site.url, repositoryOf(call)));
}

export async function getBranch(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const branch = call.params['branch'] ?? '';
  const sha = await branchHead(repository.directory, branch);
  if (sha === undefined) throw refusal(404, 'Branch not found');
  return answer(200, await branchBody(call.site.url, repository, branch, sha));
}

/** The object a full ref names, or undefined. */
async function objectOf(directory: string, ref: string): Promise<string | undefined> {
  return git(directory, ['rev-parse', '--verify', '--quiet', '--end-of-options', ref]).catch(() => undefined);
}

export async function getRef(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const ref = `refs/${call.params['ref']}`;
  const sha = await objectOf(repository.directory, ref);
  if (sha === undefined) throw notFound();
  const type = await git(repository.directory, ['cat-file', '-t', sha]);
  const api = apiUrl(call.site.url, repository);
  const body: Schemas['git-ref'] = {
    ref,
    node_id: nodeId('REF', `${repository.id}:${ref}`),
    url: `${api}/git/${ref}`,
    object: { type, sha, url: `${api}/git/${type}s/${sha}` },
  };
  return answer(200, body);
}

export async function deleteRef(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const ref = `refs/${call.params['ref']}`;
  return repository.lock(async () => {
    const old = await objectOf(repository.directory, ref);
    if (old === undefined) throw refusal(422, 'Reference does not exist');
    await git(repository.directory, ['update-ref', '-d', ref, old]);
    await applyRefChanges(call.site, repository, [{ ref, old, new: zeroSha }], call.caller, 'api');
    return answer(204);
  });
}
