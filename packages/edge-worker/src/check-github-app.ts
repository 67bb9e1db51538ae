import { stat } from 'node:fs/promises';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { createGithubCredentials, privateKeyFile } from './github-credentials.ts';

/** Something about the GitHub App that a person should know. */
export interface AppFinding {
  readonly state: 'ok' | 'warning' | 'error';
  readonly message: string;
  readonly fix?: string;
}

/** Whether the app of the configuration is who it says, and who else can read its key. Empty without an app. */
export async function checkGithubApp(config: Config, clock: Clock): Promise<readonly AppFinding[]> {
  const settings = config.github.app;
  const opened = await createGithubCredentials({ config: () => config, clock }).app();
  if (!settings || opened === null) return [];
  const findings: AppFinding[] = [];
  const file = privateKeyFile(settings);
  const mode = file === undefined ? undefined : (await stat(file).catch(() => undefined))?.mode;
  if (mode !== undefined && (mode & 0o077) !== 0)
    findings.push({ state: 'warning', message: `others on this machine can read the private key ${file}`, fix: `chmod 600 ${file}` });
  const app = opened.ok ? await opened.value.whoAmI() : opened;
  if (app.ok) return [...findings, { state: 'ok', message: `the key is accepted: ${app.value.name}` }];
  const { message, fix } = app.error;
  return [...findings, { state: 'error', message, ...(fix === undefined ? {} : { fix }) }];
}
