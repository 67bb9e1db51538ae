import type { Failure } from 'cyrus-core/failure';
import type { ExecutorHealth } from 'cyrus-executor-interface/executor';
import type { CodegenClient } from './client.ts';

/** Asks who the token belongs to, and whether the organisation is one of theirs. Costs nothing. */
export async function checkIdentity(client: CodegenClient, orgId: number): Promise<ExecutorHealth> {
  const user = await client.me();
  if (!user.ok) return unavailable(user.error.failure);
  const who = user.value.github_username;
  const organisations = await client.organisations();
  if (!organisations.ok) return unavailable(organisations.error.failure);
  const { items } = organisations.value;
  const own = items.find(({ id }) => id === orgId);
  if (own) return { state: 'ready', detail: `Codegen at ${client.baseUrl}: organisation ${own.name} (${own.id}), as ${who}` };
  const theirs = items.map(({ id, name }) => `${name} (${id})`).join(', ') || 'none';
  return unavailable({
    class: 'auth',
    message: `The Codegen token works (${who}), but the organisation ${orgId} is not one of its own: ${theirs}.`,
    fix: 'Set CODEGEN_ORG_ID (or codegen.orgId) to the number of one of these organisations.',
  });
}

const unavailable = (failure: Failure): ExecutorHealth => ({ state: 'unavailable', detail: failure.message, failure });
