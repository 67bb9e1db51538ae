import { err, ok, type Result } from 'cyrus-core/result';
import { z } from 'zod';
import type { LinearClient } from './client.ts';
import * as documents from './documents.ts';
import type { LinearProblem } from './problem.ts';

/** Who a credential is, and where. */
export interface Viewer {
  readonly userId: string;
  readonly name: string;
  /** True for an app's token: only an app has sessions. */
  readonly isApp: boolean;
  readonly workspaceId: string;
  readonly workspaceName: string;
  readonly workspaceUrlKey: string;
}

const shape = z.object({
  viewer: z.object({ id: z.string(), name: z.string(), app: z.boolean() }),
  organization: z.object({ id: z.string(), name: z.string(), urlKey: z.string() }),
});

/** Asks Linear whose token this is: the cheapest check that a credential works. */
export async function readViewer(client: LinearClient, signal?: AbortSignal): Promise<Result<Viewer, LinearProblem>> {
  const answer = await client.request(documents.viewer, {}, signal);
  if (!answer.ok) return answer;
  const parsed = shape.safeParse(answer.value);
  if (!parsed.success)
    return err({ action: 'rejected', failure: { class: 'invalid_request', message: 'Linear sent no viewer' }, said: [] });
  const { viewer, organization } = parsed.data;
  return ok({
    userId: viewer.id,
    name: viewer.name,
    isApp: viewer.app,
    workspaceId: organization.id,
    workspaceName: organization.name,
    workspaceUrlKey: organization.urlKey,
  });
}
