import { githubAccess } from 'cyrus-edge-worker/broker/repository-access';
import { createGithubCredentials } from 'cyrus-edge-worker/github-credentials';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** Whether the checks that `verify.mode` leaves to pull requests can be seen. @param answer GitHub's status about checks; null: there is no GitHub for it */
export function judgePullRequestChecks(id: string, mode: string, answer: number | null): readonly Finding[] {
  const name = `pull request checks of ${id}`;
  if (answer === null)
    return [
      warning(name, `verify.mode "${mode}" leaves them to pull requests, and this repository gets none`, {
        why: mode === 'ci' ? 'Its work is pushed without any check.' : 'Only the checks that run here count.',
        fix: 'Set its verify.mode to "local"; or give it a remoteUrl on GitHub, and set GITHUB_TOKEN or github.app.',
      }),
    ];
  if (answer === 403)
    return [
      error(name, 'the token may not read the checks of pull requests (403)', {
        why: `With verify.mode "${mode}" work ends without their verdict.`,
        fix: 'Give the token or the app Checks and Commit statuses, read; or set verify.mode to "local".',
      }),
    ];
  return answer === 200 ? [ok(name, `those of its pull requests decide (verify.mode "${mode}")`)] : [];
}

export const pullRequestChecksCheck: Check<ConfiguredPatient> = {
  name: 'checks of pull requests',
  async run({ config, clock, signal }) {
    const credentials = createGithubCredentials({ config: () => config, clock });
    const looked = config.repositories.map(async ({ id, isActive, remoteUrl, ...repository }): Promise<readonly Finding[]> => {
      const mode = (repository.verify ?? config.verify)?.mode ?? 'local';
      // Where the remote of a user's own checkout is, the check of remotes tells.
      if (!isActive || mode === 'local' || remoteUrl === undefined) return [];
      const access = githubAccess(config, id, remoteUrl);
      if (!access) return judgePullRequestChecks(id, mode, null);
      const token = await credentials.source(access).token();
      if (!token.ok) return [];
      const { owner, name } = access.repository;
      const headers = { authorization: `Bearer ${token.value}`, accept: 'application/vnd.github+json', 'user-agent': 'cyrus' };
      const branch = encodeURIComponent(repository.baseBranch ?? 'HEAD');
      // Whether GitHub can be reached at all, its own check says.
      const status = await fetch(`${access.apiUrl}/repos/${owner}/${name}/commits/${branch}/check-runs?per_page=1`, {
        headers,
        signal,
      }).then(
        (response) => response.status,
        () => 0,
      );
      return judgePullRequestChecks(id, mode, status);
    });
    return (await Promise.all(looked)).flat();
  },
};
