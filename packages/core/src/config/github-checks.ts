import type { CrossMistake } from './cross-checks.ts';
import type { ConfigWarning } from './known-keys.ts';

type Loose = Readonly<Record<string, unknown>>;

const looseOf = (value: unknown): Loose | undefined => (typeof value === 'object' && value !== null ? (value as Loose) : undefined);

/** An app without a key. */
export function githubMistakes(file: Loose): CrossMistake[] {
  const app = looseOf(looseOf(file['github'])?.['app']);
  if (!app || app['privateKey'] !== undefined || app['privateKeyPath'] !== undefined) return [];
  return [
    {
      path: ['github', 'app'],
      value: undefined,
      allowed: 'privateKeyPath (the .pem file) or privateKey',
      fix: 'add it, or set GITHUB_APP_PRIVATE_KEY_PATH or GITHUB_APP_PRIVATE_KEY',
    },
  ];
}

/** Credentials of which only one counts. */
export function githubWarnings(file: Loose): ConfigWarning[] {
  const github = looseOf(file['github']);
  const app = looseOf(github?.['app']);
  if (!app) return [];
  const warnings: ConfigWarning[] = [];
  if (github?.['token'] !== undefined)
    warnings.push({ path: 'github.token', message: 'is not used, because github.app is there; repositories[].githubToken still is' });
  if (app['privateKey'] !== undefined && app['privateKeyPath'] !== undefined)
    warnings.push({ path: 'github.app.privateKeyPath', message: 'is not used, because github.app.privateKey is there' });
  return warnings;
}
