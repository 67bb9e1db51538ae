import { askRemote, type RemoteAnswer } from 'cyrus-edge-worker/ask-remote';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** Whether the remote answers, and has the branch that work starts from. */
export function judgeRemote(id: string, baseBranch: string | undefined, answer: RemoteAnswer): Finding {
  const name = `remote of ${id}`;
  if (!answer.ok) {
    const { message, fix, class: kind } = answer.failure;
    return error(name, message, {
      why: kind === 'auth' ? 'Nothing can be fetched or pushed.' : 'Nothing can be fetched; issues wait until it answers.',
      fix:
        fix ??
        (kind === 'network'
          ? 'Look at the address (remoteUrl), the network and, behind a proxy, HTTPS_PROXY.'
          : `Mend the remoteUrl of "${id}".`),
    });
  }
  const { url, branches, defaultBranch } = answer;
  if (branches.length === 0)
    return warning(name, `${url} is empty`, { why: 'There is no commit to start from.', fix: 'Push a first commit to it.' });
  const wanted = baseBranch ?? defaultBranch;
  if (wanted !== undefined && branches.includes(wanted)) return ok(name, `${url}, ${wanted}`);
  return error(name, wanted === undefined ? `${url} names no default branch` : `${url} has no branch ${wanted}`, {
    why: 'Work starts from it, and its pull requests go there.',
    fix: `Set the baseBranch of "${id}" in config.json to one of: ${branches.slice(0, 8).join(', ')}.`,
  });
}

export const remotesCheck: Check<ConfiguredPatient> = {
  name: 'remotes',
  run: ({ config, clock, signal }) =>
    Promise.all(
      config.repositories
        .filter(({ isActive }) => isActive)
        .map(async ({ id, baseBranch }) => judgeRemote(id, baseBranch, await askRemote({ config, repositoryId: id, clock, signal }))),
    ),
};
