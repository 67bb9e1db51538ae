import {
  type DocumentNode,
  type ExecutionResult,
  execute,
  type FragmentDefinitionNode,
  GraphQLError,
  type OperationDefinitionNode,
  parse,
  validate,
} from 'graphql';
import { entityNotFound } from '../errors.ts';
import { resolveMutation } from '../mutations/table.ts';
import type { Actor, World } from '../world.ts';
import { complexityOf, type Fragments, type Variables } from './complexity.ts';
import { resolveQuery } from './queries.ts';
import { type Args, resolveField } from './resolve.ts';

/** A query that fits the schema. */
export interface Prepared {
  readonly document: DocumentNode;
  readonly operation: string;
  readonly rootFields: readonly string[];
  readonly selection: OperationDefinitionNode['selectionSet'];
  readonly fragments: Fragments;
}

/** What the arguments of a request's root fields name. */
export interface Touched {
  readonly issues: Set<string>;
  readonly sessions: Set<string>;
}

const maxPrepared = 2_000;

/** Parses and validates queries, remembering those seen: clients send few different ones. */
export class Queries {
  private readonly world: World;
  private readonly prepared = new Map<string, Prepared>();

  constructor(world: World) {
    this.world = world;
  }

  /** The query, or why it is refused. */
  prepare(query: string): Prepared | readonly GraphQLError[] {
    const known = this.prepared.get(query);
    if (known) return known;
    let document: DocumentNode;
    try {
      document = parse(query);
    } catch (error) {
      if (error instanceof GraphQLError) return [refused(error, 'GRAPHQL_PARSE_FAILED')];
      throw error;
    }
    const errors = validate(this.world.schema, document);
    if (errors.length) return errors.map((error) => refused(error, 'GRAPHQL_VALIDATION_FAILED'));
    const operation = document.definitions.find((node): node is OperationDefinitionNode => node.kind === 'OperationDefinition');
    if (!operation) return [refused(new GraphQLError('Must provide an operation.'), 'GRAPHQL_VALIDATION_FAILED')];
    const fragments = document.definitions.filter((node): node is FragmentDefinitionNode => node.kind === 'FragmentDefinition');
    const prepared: Prepared = {
      document,
      operation: operation.name?.value ?? 'anonymous',
      rootFields: operation.selectionSet.selections.flatMap((node) => (node.kind === 'Field' ? node.name.value : [])),
      selection: operation.selectionSet,
      fragments: new Map(fragments.map((node) => [node.name.value, node.selectionSet])),
    };
    if (this.prepared.size >= maxPrepared) this.prepared.clear();
    this.prepared.set(query, prepared);
    return prepared;
  }
}

export function pointsOf(prepared: Prepared, variables: Variables): number {
  return Math.ceil(complexityOf(prepared.selection, prepared.fragments, variables));
}

/** Runs a prepared query as `actor`. @param touched filled with the issues and sessions that its arguments name */
export async function run(
  world: World,
  prepared: Prepared,
  variables: Variables,
  actor: Actor,
  touched: Touched,
): Promise<ExecutionResult> {
  return execute({
    schema: world.schema,
    document: prepared.document,
    variableValues: variables,
    typeResolver: (value) => (value as { __typename: string }).__typename,
    fieldResolver: (source, args: Args, _context, info) => {
      const { parentType, fieldName } = info;
      const definition = parentType.getFields()[fieldName];
      if (parentType.name === 'Query' || parentType.name === 'Mutation') {
        noteTouched(world, args, touched);
        refuseHidden(world, actor, args);
      }
      if (parentType.name === 'Mutation') return resolveMutation(world, actor, fieldName, args);
      if (parentType.name === 'Query' && definition) return resolveQuery(world, actor, definition, args);
      if (parentType.name === 'User' && fieldName === 'isMe') return source.id === actor.user.id;
      return resolveField(world, source, parentType, fieldName, args);
    },
  });
}

/** @throws GraphQLError `Entity not found` where the agent names an issue of a team that it may not see */
function refuseHidden(world: World, actor: Actor, args: Args): void {
  if (actor.user.id !== world.app.id || world.hiddenTeams.size === 0) return;
  const input = args['input'] as Args | undefined;
  const issue = world.store.find('Issue', args['issueId'] ?? input?.['issueId'] ?? args['id']);
  if (issue && world.hiddenTeams.has(issue.teamId)) throw entityNotFound('Issue');
}

function noteTouched(world: World, value: unknown, touched: Touched): void {
  if (typeof value === 'string') {
    const session = world.store.find('AgentSession', value);
    if (session) touched.sessions.add(session.id);
    const comment = session ? undefined : world.store.find('Comment', value);
    const issue = world.store.find('Issue', session?.issueId ?? comment?.issueId ?? value);
    if (issue) touched.issues.add(issue.identifier);
  } else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) noteTouched(world, inner, touched);
}

function refused(error: GraphQLError, code: string): GraphQLError {
  const extensions = { code, type: 'graphql error', http: { status: 400 }, userError: true };
  return new GraphQLError(error.message, { ...(error.nodes ? { nodes: error.nodes } : {}), extensions });
}
