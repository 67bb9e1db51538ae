import { stat } from 'node:fs/promises';
import type { RepositoryConfig } from 'cyrus-core/config/schema';
import { runCommand } from '../../demo/git.ts';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

const noRepository: Finding = warning('repositories', 'none configured', {
  why: 'An issue that is assigned is answered that there is nowhere to work.',
  fix: 'Add one to config.json: {"repositories": [{"id": "main", "repositoryPath": "/path/to/it"}]}',
});

/** @param found what is at the path */
export function judgePath(id: string, path: string, found: 'repository' | 'directory' | 'nothing' | 'closed'): Finding {
  const name = `repository ${id}`;
  const fix = `Mend the repositoryPath of "${id}" in config.json, or give its remoteUrl instead.`;
  const why = 'Where the repository comes from is read there.';
  switch (found) {
    case 'repository':
      return ok(name, path);
    case 'nothing':
      return error(name, `${path} does not exist`, { why, fix });
    case 'directory':
      return error(name, `${path} is not a git repository`, { why, fix: `${fix} (If it is to become one: git init, and add the remote.)` });
    case 'closed':
      return error(name, `${path} cannot be read by this account`, { why, fix: 'Make it readable for the account that runs Cyrus.' });
  }
}

export const repositoriesCheck: Check<ConfiguredPatient> = {
  name: 'repositories',
  run: async ({ config }) =>
    config.repositories.length === 0 ? [noRepository] : (await Promise.all(config.repositories.map(look))).flat(),
};

async function look({ id, repositoryPath }: RepositoryConfig): Promise<readonly Finding[]> {
  if (repositoryPath === undefined) return [];
  const found = await stat(repositoryPath).catch((cause: NodeJS.ErrnoException) => cause.code);
  if (typeof found === 'string') return [judgePath(id, repositoryPath, found === 'EACCES' ? 'closed' : 'nothing')];
  const { code } = await runCommand('git', ['-C', repositoryPath, 'rev-parse', '--git-dir'], '/', {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
  });
  return [judgePath(id, repositoryPath, code === 0 ? 'repository' : 'directory')];
}
