import type { Failure } from 'cyrus-core/failure';
import type { ExecutorHealth } from 'cyrus-executor-interface/executor';
import type { CodegenClient } from './client.ts';
import { identityOf, notOne } from './identity.ts';

/** Asks who the token belongs to, and whether the organisation is one of theirs. Costs nothing. */
export async function checkIdentity(client: CodegenClient, orgId: number): Promise<ExecutorHealth> {
  const asked = await identityOf(client);
  if (!asked.ok) return unavailable(asked.error);
  const own = asked.value.organisations.find(({ id }) => id === orgId);
  if (!own) return unavailable(notOne(orgId, asked.value));
  return { state: 'ready', detail: `Codegen at ${client.baseUrl}: organisation ${own.name} (${own.id}), as ${asked.value.user}` };
}

const unavailable = (failure: Failure): ExecutorHealth => ({ state: 'unavailable', detail: failure.message, failure });
