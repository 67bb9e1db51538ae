import { type GraphQLField, type GraphQLObjectType, type GraphQLOutputType, getNamedType, isListType, isNonNullType } from 'graphql';
import { notModelled } from '../errors.ts';
import { isTable } from '../rows/store.ts';
import type { Row } from '../rows/tables.ts';
import type { World } from '../world.ts';
import { type Connection, type Page, toConnection } from './connection.ts';
import { constants } from './constants.ts';
import { matches } from './filter.ts';
import { relations } from './relations.ts';

export type Args = Readonly<Record<string, unknown>>;

/**
 * The value of any field of any entity, led by the schema: the column `x`, the row that column `xId` names,
 * the rows that point back, else a counted default.
 */
export function resolveField(world: World, source: object, parent: GraphQLObjectType, field: string, args: Args): unknown {
  const definition = parent.getFields()[field];
  if (!definition) return undefined;
  const columns = source as Readonly<Record<string, unknown>>;
  const key = `${parent.name}.${field}`;
  const relation = relations[key];
  if (relation) {
    const rows = relation(world.store, source as Row);
    return isList(definition.type) ? rows : page(world, rows, definition, args);
  }
  if (field in columns) return columns[field];
  const constant = constants[parent.name]?.[field];
  if (constant !== undefined) return constant;
  const target = getNamedType(definition.type).name;
  if (`${field}Id` in columns && isTable(target)) return world.store.find(target, columns[`${field}Id`]) ?? null;
  return world.defaults.valueOf(definition.type, key);
}

/** Filters and pages rows by the arguments of a connection field. */
export function page(world: World, rows: readonly Row[], definition: GraphQLField<unknown, unknown>, args: Args): Connection {
  if (args['sort']) throw notModelled(`the argument sort of ${definition.name}`);
  const filterType = definition.args.find((arg) => arg.name === 'filter')?.type;
  const filter = args['filter'] as Args | undefined;
  if (!filter || !filterType) return toConnection(rows, args as Page);
  const read = (row: Row, field: string): unknown => {
    const type = world.schema.getType(row.__typename) as GraphQLObjectType;
    return resolveField(world, row, type, field, {});
  };
  return toConnection(
    rows.filter((row) => matches(world.schema, read, row, filter, filterType)),
    args as Page,
  );
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type);
}
