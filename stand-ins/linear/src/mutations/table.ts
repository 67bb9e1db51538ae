import { linearError, notModelled } from '../errors.ts';
import type { Actor, World } from '../world.ts';
import * as attachments from './attachments.ts';
import * as comments from './comments.ts';
import * as issues from './issues.ts';
import type { Mutation } from './mutation.ts';
import * as sessions from './sessions.ts';

type Args = Readonly<Record<string, unknown>>;

/** Every mutation this server performs, by its name in the schema. Arguments come checked by the schema. */
const mutations = { ...attachments, ...comments, ...issues, ...sessions } as unknown as Readonly<Record<string, Mutation<Args>>>;

export function resolveMutation(world: World, actor: Actor, name: string, args: Args): unknown {
  const mutation = Object.hasOwn(mutations, name) ? mutations[name] : undefined;
  if (!mutation) throw notModelled(`Mutation.${name}`);
  const fault = world.faults.take('error', (each) => each.mutation === name);
  if (fault) throw linearError(fault.code ?? 'INPUT_ERROR', fault.message ?? `${name} failed (fault)`);
  const payload = mutation(world, args, actor);
  return { success: true, lastSyncId: world.store.syncId, ...payload };
}
