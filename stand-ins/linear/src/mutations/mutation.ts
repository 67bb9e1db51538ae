import { linearError, notModelled } from '../errors.ts';
import type { Actor, World } from '../world.ts';

/** The argument types of Linear's mutations, from its SDK. */
export type { LinearDocument } from '@linear/sdk';

/** A mutation by its arguments; answers with the payload, to which `success` and `lastSyncId` are added. */
export type Mutation<Args> = (world: World, args: Args, actor: Actor) => Readonly<Record<string, unknown>>;

/** @throws GraphQLError FORBIDDEN for everybody but the agent */
export function agentOnly(world: World, actor: Actor): void {
  if (actor.user.id !== world.app.id)
    throw linearError(
      world.options.refusesPersonalKeysWith,
      'Only app users may manage agent sessions',
      'Agent activities can only be created by the app user of the session.',
    );
}

/** Refuses input fields that this server would not act on. @throws GraphQLError NOT_MODELLED */
export function modelled<I extends object, K extends keyof I & string>(type: string, input: I, fields: readonly K[]): Pick<I, K> {
  for (const [field, value] of Object.entries(input))
    if (value !== undefined && !(fields as readonly string[]).includes(field)) throw notModelled(`${type}.${field}`);
  return input;
}
