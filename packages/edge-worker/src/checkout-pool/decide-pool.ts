/** What is known of a checkout that waits. */
export interface Waiting {
  readonly name: string;
  readonly baseSha: string;
}

export interface PoolState {
  /** How many are to wait. */
  readonly wanted: number;
  readonly waiting: readonly Waiting[];
  /** Those that no task can be given any more. */
  readonly outdated: readonly Waiting[];
  /** Where the base branch is; undefined: nowhere. */
  readonly sha: string | undefined;
}

export type PoolAction =
  | { readonly do: 'nothing' }
  | { readonly do: 'add' }
  | { readonly do: 'forward'; readonly waiting: Waiting }
  | { readonly do: 'drop'; readonly waiting: Waiting };

/** The next step towards as many waiting checkouts of the base branch as are wanted. Space is given back before more is taken. Pure. */
export function decidePool({ wanted, waiting, outdated, sha }: PoolState): PoolAction {
  const useless = outdated[0];
  if (useless !== undefined) return { do: 'drop', waiting: useless };
  const surplus = waiting[wanted];
  if (surplus !== undefined) return { do: 'drop', waiting: surplus };
  if (sha === undefined) return { do: 'nothing' };
  const behind = waiting.find(({ baseSha }) => baseSha !== sha);
  if (behind !== undefined) return { do: 'forward', waiting: behind };
  return waiting.length < wanted ? { do: 'add' } : { do: 'nothing' };
}
