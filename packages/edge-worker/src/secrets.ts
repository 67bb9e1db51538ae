import type { Config } from 'cyrus-core/config/schema';

/** What the user calls so is one; other variables are words of ordinary text. */
const calledSecret = /(?:token|secret|password|passwd|credentials?|(?:api|access|account|auth|license|private|secret|signing)_?key)$/i;
const secretVariables = (all: Readonly<Record<string, string>> = {}): readonly string[] =>
  Object.entries(all).flatMap(([name, value]) => (calledSecret.test(name) ? [value] : []));

/** Every secret value of a configuration, for masking. */
export function secretsOf(config: Config): readonly string[] {
  const values = [
    config.linear.token,
    config.linear.refreshToken,
    config.linear.clientSecret,
    config.linear.webhookSecret,
    config.github.token,
    config.github.app?.privateKey,
    config.github.webhookSecret,
    config.claude.apiKey,
    config.codegen?.apiToken,
    config.cursor?.apiKey,
    config.budgets.alerts.webhookUrl,
    ...config.repositories.flatMap((repository) => [repository.linearToken, repository.linearRefreshToken, repository.githubToken]),
    ...[...config.repositories, ...Object.values(config.executors)].flatMap((one) => secretVariables(one.environmentVariables)),
    ...Object.values(config.linearWorkspaces).flatMap((workspace) => [
      workspace.linearToken,
      workspace.linearRefreshToken,
      workspace.webhookSecret,
    ]),
  ];
  return values.filter((value): value is string => value !== undefined && value.length >= 6);
}
