import type { Answer } from '../answer.ts';
import { git } from '../bare.ts';
import { apiUrl, htmlUrl } from '../bodies/repository.ts';
import type { Schemas } from '../bodies/schemas.ts';
import { pullRange } from '../pull-facts.ts';
import type { Repository } from '../world.ts';
import { type Call, pullOf, repositoryOf } from './context.ts';
import { page } from './page.ts';

interface RawEntry {
  readonly sha: string;
  readonly status: Schemas['diff-entry']['status'];
  readonly path: string;
  readonly previous: string | undefined;
}

const statuses: Readonly<Record<string, RawEntry['status']>> = {
  A: 'added',
  D: 'removed',
  M: 'modified',
  R: 'renamed',
  C: 'copied',
  T: 'changed',
};
const longestPatch = 100_000;

/** The fields of `git diff --raw -z`: a head, then one path, or two when something was renamed. */
function parseRaw(output: string): readonly RawEntry[] {
  const fields = output.split('\0');
  const entries: RawEntry[] = [];
  for (let index = 0; index + 1 < fields.length; ) {
    const [, , oldSha = '', newSha = '', letter = ''] = (fields[index] ?? '').split(' ');
    const status = statuses[letter[0] ?? ''] ?? 'changed';
    const twoPaths = status === 'renamed' || status === 'copied';
    const previous = twoPaths ? fields[index + 1] : undefined;
    const path = fields[index + (twoPaths ? 2 : 1)] ?? '';
    entries.push({ sha: status === 'removed' ? oldSha : newSha, status, path, previous });
    index += twoPaths ? 3 : 2;
  }
  return entries;
}

async function diffEntry(
  siteUrl: string,
  repository: Repository,
  from: string,
  to: string,
  entry: RawEntry,
): Promise<Schemas['diff-entry']> {
  const paths = entry.previous === undefined ? [entry.path] : [entry.previous, entry.path];
  const diff = ['diff', '-M', '--no-ext-diff', '--no-textconv'];
  const literal = paths.map((path) => `:(top,literal)${path}`);
  const [numstat, patch] = await Promise.all([
    git(repository.directory, [...diff, '--numstat', from, to, '--', ...literal]),
    git(repository.directory, [...diff, from, to, '--', ...literal]),
  ]);
  const [additions = 0, deletions = 0] = numstat.split('\t').map((field) => Number(field) || 0);
  const hunks = patch.indexOf('\n@@ ');
  const path = encodeURI(entry.path);
  return {
    sha: entry.sha,
    filename: entry.path,
    status: entry.status,
    additions,
    deletions,
    changes: additions + deletions,
    blob_url: `${htmlUrl(siteUrl, repository)}/blob/${to}/${path}`,
    raw_url: `${htmlUrl(siteUrl, repository)}/raw/${to}/${path}`,
    contents_url: `${apiUrl(siteUrl, repository)}/contents/${path}?ref=${to}`,
    ...(entry.previous === undefined ? {} : { previous_filename: entry.previous }),
    ...(hunks < 0 || patch.length > longestPatch ? {} : { patch: patch.slice(hunks + 1) }),
  };
}

export async function listFiles(call: Call): Promise<Answer> {
  const repository = repositoryOf(call);
  const pull = pullOf(call, repository);
  const { from, to } = await pullRange(repository, pull);
  const raw = await git(repository.directory, ['diff', '--raw', '-z', '-M', '--abbrev=40', from, to]);
  const listed = page(call, `/repos/${repository.owner.login}/${repository.name}/pulls/${pull.number}/files`, parseRaw(raw));
  const entries: Schemas['diff-entry'][] = [];
  for (const entry of listed.body as readonly RawEntry[]) entries.push(await diffEntry(call.site.url, repository, from, to, entry));
  return { ...listed, body: entries };
}
