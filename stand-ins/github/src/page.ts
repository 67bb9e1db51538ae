import { git } from './bare.ts';
import { pullRange } from './pull-facts.ts';
import { findRepository, type Site } from './world.ts';

const longestDiff = 1_000_000;

/** The page behind a pull request's `html_url`, for a person who follows the link. Undefined: no such pull request. */
export async function pullPage(site: Site, path: string): Promise<string | undefined> {
  const [, owner = '', name = '', number = ''] = /^\/([^/]+)\/([^/]+)\/pull\/(\d+)$/.exec(path) ?? [];
  const repository = findRepository(site, owner, name);
  const pull = repository?.pulls.find((candidate) => candidate.number === Number(number));
  if (!repository || !pull) return undefined;
  const { from, to } = await pullRange(repository, pull);
  const diff = await git(repository.directory, ['diff', '-M', '--no-ext-diff', '--no-textconv', from, to]);
  const checks = repository.checks
    .filter((run) => run.headSha === pull.headSha)
    .map((run) => `${run.name}: ${run.conclusion ?? run.status}`);
  const talk = repository.comments
    .filter((comment) => comment.number === pull.number)
    .map(({ author, body }) => `${author.login}: ${body}`);
  const state = pull.mergedAt === null ? pull.state : 'merged';
  const section = (title: string, text: string): string => (text === '' ? '' : `<h2>${title}</h2><pre>${escapeHtml(text)}</pre>`);
  return [
    `<!doctype html><meta charset="utf-8"><title>${escapeHtml(pull.title)}</title>`,
    `<h1 dir="auto">${escapeHtml(pull.title)} #${pull.number} (${state})</h1>`,
    `<p>${escapeHtml(pull.author.login)}: ${escapeHtml(pull.head)} into ${escapeHtml(pull.base)}</p>`,
    section('Description', pull.body ?? ''),
    section('Checks', checks.join('\n')),
    section('Comments', talk.join('\n\n')),
    section('Changes', diff.slice(0, longestDiff)),
  ].join('\n');
}

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
