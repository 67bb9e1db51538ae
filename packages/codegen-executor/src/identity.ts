import type { Clock } from 'cyrus-core/clock';
import type { Failure } from 'cyrus-core/failure';
import { err, ok, type Result } from 'cyrus-core/result';
import { memoryLimiter } from 'cyrus-executor-interface/limiter';
import { type CodegenClient, createCodegenClient } from './client.ts';
import type { CodegenOrganisation } from './payload.ts';

/** Whom a token belongs to. */
export interface CodegenIdentity {
  /** The name at GitHub. */
  readonly user: string;
  readonly organisations: readonly CodegenOrganisation[];
}

/** Asks the service at an address whom a token belongs to, before anything is configured. Costs nothing. */
export async function askCodegen(options: {
  readonly baseUrl: string;
  readonly apiToken: string;
  readonly clock: Clock;
}): Promise<Result<CodegenIdentity, Failure>> {
  const { clock } = options;
  // No organisation is part of these calls.
  const client = createCodegenClient({ ...options, orgId: 0, random: () => 0.5, limiter: memoryLimiter(clock), timeoutMs: 30_000 });
  return identityOf(client);
}

export async function identityOf(client: CodegenClient): Promise<Result<CodegenIdentity, Failure>> {
  const user = await client.me();
  if (!user.ok) return err(user.error.failure);
  const organisations = await client.organisations();
  if (!organisations.ok) return err(organisations.error.failure);
  return ok({ user: user.value.github_username, organisations: organisations.value.items });
}

/** An organisation that is not one of the token's user's. */
export function notOne(orgId: number, { user, organisations }: CodegenIdentity): Failure {
  const theirs = organisations.map(({ id, name }) => `${name} (${id})`).join(', ') || 'none';
  return {
    class: 'auth',
    message: `The Codegen token works (${user}), but the organisation ${orgId} is not one of its own: ${theirs}.`,
    fix: 'Set CODEGEN_ORG_ID (or codegen.orgId) to the number of one of these organisations.',
  };
}
