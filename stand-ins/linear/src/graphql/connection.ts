import { invalidInput } from '../errors.ts';
import type { Row } from '../rows/tables.ts';

/** The paging arguments of a connection. */
export interface Page {
  readonly first?: number | null;
  readonly last?: number | null;
  readonly after?: string | null;
  readonly before?: string | null;
  readonly orderBy?: string | null;
  readonly includeArchived?: boolean | null;
}

export interface Connection {
  readonly nodes: readonly Row[];
  readonly edges: readonly { readonly cursor: string; readonly node: Row }[];
  readonly pageInfo: Readonly<Record<string, unknown>>;
}

const defaultPageSize = 50;
const maxPageSize = 250;

/** One page of rows, newest first as Linear orders them; cursors are ids. */
export function toConnection(rows: readonly Row[], page: Page = {}): Connection {
  const size = page.first ?? page.last ?? defaultPageSize;
  if (size > maxPageSize) throw invalidInput('Argument Validation Error', `first must not be greater than ${maxPageSize}`);
  const key = page.orderBy === 'updatedAt' ? 'updatedAt' : 'createdAt';
  const visible = page.includeArchived ? [...rows] : rows.filter((row) => !row.archivedAt);
  visible.sort((a, b) => (a[key] === b[key] ? b.seq - a.seq : a[key] < b[key] ? 1 : -1));
  let start = page.after ? visible.findIndex((row) => row.id === page.after) + 1 : 0;
  let end = page.before ? visible.findIndex((row) => row.id === page.before) : visible.length;
  if (page.last) start = Math.max(start, end - size);
  else end = Math.min(end, start + size);
  const nodes = visible.slice(start, end);
  const pageInfo = {
    hasNextPage: end < visible.length,
    hasPreviousPage: start > 0,
    startCursor: nodes[0]?.id ?? null,
    endCursor: nodes.at(-1)?.id ?? null,
  };
  return { nodes, edges: nodes.map((node) => ({ cursor: node.id, node })), pageInfo };
}
