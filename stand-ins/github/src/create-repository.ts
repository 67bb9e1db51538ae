import { mkdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { git, initBare, writeCommit } from './bare.ts';
import { signature } from './bodies/account.ts';
import { accountOf, findRepository, lock, type Repository, type Site, timestamp } from './world.ts';

export interface NewRepository {
  readonly owner: string;
  readonly name: string;
  /** Default `main`. */
  readonly defaultBranch?: string;
  /** A repository (its HEAD is taken), or a plain directory (its files become the first commit, but those its `.gitignore` names). Absent: a README. */
  readonly seedFrom?: string;
  /** No commit at all. */
  readonly empty?: boolean;
}

const namePattern = /^(?!\.{1,2}$)[\w.-]{1,100}$/;

/** Makes a repository and fills its default branch. @throws Error when the name is taken or not allowed, or the seed cannot be read */
export async function createRepository(site: Site, request: NewRepository): Promise<Repository> {
  const { owner, name, defaultBranch = 'main' } = request;
  if (!namePattern.test(owner) || !namePattern.test(name)) throw new Error(`not a repository name: ${owner}/${name}`);
  if (findRepository(site, owner, name)) throw new Error(`${owner}/${name} exists already`);
  const directory = join(site.root, owner.toLowerCase(), `${name.toLowerCase()}.git`);
  const at = timestamp();
  const repository: Repository = {
    id: site.nextId(),
    owner: accountOf(site, owner),
    name,
    defaultBranch,
    createdAt: at,
    pushedAt: at,
    directory,
    nextNumber: 1,
    pulls: [],
    comments: [],
    reviews: [],
    checks: [],
    statuses: [],
    lock: lock(),
  };
  const key = `${owner}/${name}`.toLowerCase();
  site.repositories.set(key, repository);
  try {
    await initBare(directory, defaultBranch);
    if (!request.empty) await seed(repository, request.seedFrom);
  } catch (error) {
    site.repositories.delete(key);
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return repository;
}

async function seed(repository: Repository, seedFrom: string | undefined): Promise<void> {
  const ref = `refs/heads/${repository.defaultBranch}`;
  const source = seedFrom === undefined ? undefined : resolve(seedFrom);
  if (source !== undefined && (await isRepository(source))) {
    const uploadPack = "git -c 'safe.directory=*' upload-pack";
    await git(repository.directory, ['fetch', '--quiet', '--no-tags', `--upload-pack=${uploadPack}`, source, `+HEAD:${ref}`]);
    return;
  }
  const tree = source === undefined ? await readmeTree(repository) : await directoryTree(repository.directory, source);
  const sha = await writeCommit(repository.directory, {
    tree,
    parents: [],
    message: 'Initial commit',
    author: signature(repository.owner),
  });
  await git(repository.directory, ['update-ref', ref, sha]);
}

async function isRepository(path: string): Promise<boolean> {
  const exists = (name: string): Promise<boolean> =>
    stat(join(path, name)).then(
      () => true,
      () => false,
    );
  return (await exists('.git')) || ((await exists('HEAD')) && (await exists('objects')));
}

async function readmeTree(repository: Repository): Promise<string> {
  const blob = await git(repository.directory, ['hash-object', '-w', '--stdin'], { input: `# ${repository.name}\n` });
  return git(repository.directory, ['mktree'], { input: `100644 blob ${blob}\tREADME.md\n` });
}

async function directoryTree(bare: string, source: string): Promise<string> {
  const index = join(bare, 'seed-index');
  await mkdir(bare, { recursive: true });
  const env = { GIT_INDEX_FILE: index, GIT_DIR: bare, GIT_WORK_TREE: source };
  try {
    await git(source, ['-c', 'core.bare=false', 'add', '--all', '.'], { env });
    return await git(source, ['write-tree'], { env });
  } finally {
    await rm(index, { force: true });
  }
}
