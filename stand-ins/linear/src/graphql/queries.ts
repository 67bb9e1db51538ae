import { type GraphQLField, getNamedType } from 'graphql';
import { notModelled } from '../errors.ts';
import { isTable } from '../rows/store.ts';
import type { Actor, World } from '../world.ts';
import { type Args, page } from './resolve.ts';

type Definition = GraphQLField<unknown, unknown>;
type Query = (world: World, args: Args, actor: Actor, definition: Definition) => unknown;

/** Queries that are more than one entity or all of them. */
const queries: Readonly<Record<string, Query>> = {
  viewer: (_world, _args, actor) => actor.user,
  organization: (world) => world.organization,
  notifications: (world, args, actor, definition) =>
    page(world, world.store.where('IssueNotification', 'userId', actor.user.id), definition, args),
  attachmentsForURL: (world, args, _actor, definition) =>
    page(world, world.store.where('Attachment', 'url', args['url']), definition, args),
  issueVcsBranchSearch: (world, args) => world.store.where('Issue', 'branchName', args['branchName'])[0] ?? null,
  issueRepositorySuggestions: (_world, args) => ({
    suggestions: (args['candidateRepositories'] as readonly object[]).map((candidate, rank) => ({
      ...candidate,
      __typename: 'RepositorySuggestion',
      confidence: 1 / (rank + 1),
    })),
  }),
};

/** A root query. `x(id)` and `xs(filter, first …)` work for every table. @throws GraphQLError `NOT_MODELLED` for the rest */
export function resolveQuery(world: World, actor: Actor, definition: Definition, args: Args): unknown {
  const query = queries[definition.name];
  if (query) return query(world, args, actor, definition);
  const type = getNamedType(definition.type).name;
  if (isTable(type) && 'id' in args) return world.store.get(type, type === 'User' && args['id'] === 'me' ? actor.user.id : args['id']);
  const nodeType = type.replace(/Connection$/, '');
  if (nodeType !== type && isTable(nodeType) && definition.name === plural(nodeType))
    return page(world, world.store.all(nodeType), definition, args);
  throw notModelled(`Query.${definition.name}`);
}

/** `AgentActivity` → `agentActivities`: only the plain list of a type is answered generically, never a narrower one. */
function plural(type: string): string {
  const name = type.charAt(0).toLowerCase() + type.slice(1);
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : name.endsWith('s') ? `${name}es` : `${name}s`;
}
