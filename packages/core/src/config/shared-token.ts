import type { ConfigWarning } from './known-keys.ts';

type Loose = Readonly<Record<string, unknown>>;

/**
 * A Linear token inside repositories that name no workspace is the token of the whole configuration, where there is but one:
 * it becomes `linear.token`, unless that is set. Of several such tokens nobody can tell whose webhooks they answer; a warning says so.
 */
export function withSharedToken(file: Loose): { readonly file: Loose; readonly warnings: readonly ConfigWarning[] } {
  const linear = file['linear'] ?? {};
  const repositories = Array.isArray(file['repositories']) ? file['repositories'] : [];
  const homeless = repositories.filter(isLoose).filter((repository) => repository['linearWorkspaceId'] === undefined);
  const tokens = [...new Set(homeless.map((repository) => repository['linearToken']).filter((token) => typeof token === 'string'))];
  if (tokens.length > 1) {
    const message =
      'several repositories have linearToken values of their own and no linearWorkspaceId; add it, so that each token is used for its workspace';
    return { file, warnings: [{ path: 'repositories', message }] };
  }
  if (tokens.length === 0 || !isLoose(linear) || linear['token'] !== undefined) return { file, warnings: [] };
  return { file: { ...file, linear: { ...linear, token: tokens[0] } }, warnings: [] };
}

function isLoose(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
