import { notFound } from '../answer.ts';
import { type Account, findRepository, type Pull, type Repository, type Site } from '../world.ts';

/** One authenticated REST call. */
export interface Call {
  readonly site: Site;
  readonly caller: Account;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

/** @throws Refusal 404 */
export function repositoryOf(call: Pick<Call, 'site' | 'params'>): Repository {
  const repository = findRepository(call.site, call.params['owner'] ?? '', call.params['repo'] ?? '');
  if (!repository) throw notFound();
  return repository;
}

/** @throws Refusal 404 */
export function pullOf(call: Call, repository: Repository): Pull {
  const number = Number(call.params['pull_number'] ?? call.params['issue_number']);
  const pull = repository.pulls.find((candidate) => candidate.number === number);
  if (!pull) throw notFound();
  return pull;
}

export function textOf(body: Call['body'], key: string): string | undefined {
  const value = body[key];
  return typeof value === 'string' ? value : undefined;
}
