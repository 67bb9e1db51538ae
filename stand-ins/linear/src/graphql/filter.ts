import { type GraphQLInputType, type GraphQLSchema, getNamedType, isInputObjectType, isObjectType } from 'graphql';
import type { Row } from '../rows/tables.ts';
import { compare } from './compare.ts';

type Filter = Readonly<Record<string, unknown>>;

/** Reads a field of a row the way the API would. */
export type ReadField = (row: Row, field: string) => unknown;

/** Decides filters of any type, led by the schema's own input types. */
export function matches(schema: GraphQLSchema, read: ReadField, row: Row, filter: Filter, type: GraphQLInputType): boolean {
  const inputType = getNamedType(type);
  const again = (other: unknown, with_: unknown): boolean => matches(schema, read, other as Row, with_ as Filter, inputType);
  return Object.entries(filter).every(([name, condition]) => {
    if (condition === null || condition === undefined) return true;
    if (name === 'and') return (condition as readonly unknown[]).every((each) => again(row, each));
    if (name === 'or') return (condition as readonly unknown[]).some((each) => again(row, each));
    const fieldType = isInputObjectType(inputType) ? inputType.getFields()[name]?.type : undefined;
    const known = schema.getType(row.__typename);
    const value = isObjectType(known) && known.getFields()[name] ? read(row, name) : (row as unknown as Record<string, unknown>)[name];
    if (!fieldType || getNamedType(fieldType).name.endsWith('Comparator')) return compare(value, condition as Filter);
    return matchesRelation(schema, read, value, condition as Filter, fieldType);
  });
}

function matchesRelation(schema: GraphQLSchema, read: ReadField, value: unknown, filter: Filter, type: GraphQLInputType): boolean {
  if (typeof filter['null'] === 'boolean') return (value === null || value === undefined) === filter['null'];
  if (value === null || value === undefined) return false;
  const nodes = (value as { nodes?: readonly Row[] }).nodes;
  if (!nodes) return matches(schema, read, value as Row, filter, type);
  const { every, some, length, ...rest } = filter;
  if (length && !compare(nodes.length, length as Filter)) return false;
  if (every) return nodes.every((node) => matches(schema, read, node, every as Filter, type));
  return nodes.some((node) => matches(schema, read, node, (some ?? rest) as Filter, type));
}
