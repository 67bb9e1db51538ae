import type { FieldNode, SelectionSetNode } from 'graphql';

const defaultPageSize = 50;
const connectionFields = new Set(['nodes', 'edges', 'pageInfo']);

export type Fragments = ReadonlyMap<string, SelectionSetNode>;
export type Variables = Readonly<Record<string, unknown>>;

/**
 * Points of a query by the documented rule: 0.1 a property, 1 an object, a connection multiplies by `first` (or 50).
 * @see https://linear.app/developers/rate-limiting
 */
export function complexityOf(selection: SelectionSetNode | undefined, fragments: Fragments, variables: Variables): number {
  let points = 0;
  for (const node of selection?.selections ?? []) {
    if (node.kind === 'FragmentSpread') points += complexityOf(fragments.get(node.name.value), fragments, variables);
    else if (node.kind === 'InlineFragment') points += complexityOf(node.selectionSet, fragments, variables);
    else if (!node.selectionSet) points += 0.1;
    else {
      const inner = complexityOf(node.selectionSet, fragments, variables);
      points += isConnection(node.selectionSet) ? inner * pageSize(node, variables) : inner + 1;
    }
  }
  return points;
}

function isConnection(selection: SelectionSetNode): boolean {
  return selection.selections.some((node) =>
    node.kind === 'Field'
      ? connectionFields.has(node.name.value)
      : node.kind === 'FragmentSpread' && node.name.value.endsWith('Connection'),
  );
}

function pageSize(field: FieldNode, variables: Variables): number {
  for (const argument of field.arguments ?? []) {
    if (argument.name.value !== 'first' && argument.name.value !== 'last') continue;
    const value =
      argument.value.kind === 'Variable' ? variables[argument.value.name.value] : 'value' in argument.value && argument.value.value;
    if (value !== null && value !== undefined && value !== false) return Number(value);
  }
  return defaultPageSize;
}
