import { z } from 'zod';
import { machineTimeZone } from '../calendar.ts';
import { address, dollarLimit, dollars, filled } from './pieces.ts';

/** US dollars; `null`: no limit; 0: nothing may be spent. */
export interface RepositoryBudgets {
  readonly perAttemptUsd?: number | null;
  readonly perTaskUsd?: number | null;
  readonly perIssueUsd?: number | null;
  /** Of the repository, for a calendar month. */
  readonly perRepositoryUsd?: number | null;
}

export interface BudgetsConfig extends Required<RepositoryBudgets> {
  readonly perDayUsd: number | null;
  readonly perMonthUsd: number | null;
  /** Days and months begin at its midnight. */
  readonly timeZone: string;
  readonly alerts: {
    /** Gets `{"text": …}` as JSON. Absent: nothing is sent. */
    readonly webhookUrl?: string;
  };
}

const ofRepository = {
  perAttemptUsd: dollarLimit.exactOptional().describe('What one attempt may cost. null: no limit; 0: nothing may be spent'),
  perTaskUsd: dollarLimit.exactOptional().describe('What one task may cost in all its attempts'),
  perIssueUsd: dollarLimit.exactOptional().describe('What one issue may cost in all its tasks'),
  perRepositoryUsd: dollarLimit.exactOptional().describe('What a repository may cost in a calendar month'),
};

export const repositoryBudgets: z.ZodType<RepositoryBudgets> = z.object(ofRepository);

/** As the file has it: what is absent is not a limit of its own. */
export interface BudgetsInput extends RepositoryBudgets {
  readonly perDayUsd?: number | null;
  readonly perMonthUsd?: number | null;
  readonly timeZone?: string;
  readonly alerts?: { readonly webhookUrl?: string };
}

export const budgets: z.ZodType<BudgetsInput> = z.object({
  ...ofRepository,
  perTaskUsd: dollarLimit.exactOptional().describe('What one task may cost in all its attempts. Absent: 5'),
  perDayUsd: dollarLimit.exactOptional().describe('What a day may cost. Absent: 50'),
  perMonthUsd: dollarLimit.exactOptional().describe('What a calendar month may cost'),
  timeZone: filled
    .refine(isTimeZone, 'a time zone such as Europe/Berlin or UTC')
    .exactOptional()
    .describe("Whose midnight begins a day. Absent: this machine's"),
  alerts: z
    .object({ webhookUrl: address.exactOptional().describe('Gets {"text": "…"} at 50, 80 and 100 % of a budget, as Slack takes it') })
    .exactOptional(),
});

/** How a login's use is paid for. */
export type BillingConfig = 'list' | 'included' | { readonly credit: { readonly monthlyUsd: number } };
export const billing: z.ZodType<BillingConfig> = z
  .union([z.enum(['list', 'included']), z.object({ credit: z.object({ monthlyUsd: dollars }) })])
  .describe(
    '"list": at list price; "included": a subscription pays, nothing counts against budgets; {"credit": {"monthlyUsd": N}}: out of a monthly credit',
  );

/** What holds on a fresh install: enough for real work, and no surprise. */
const safe = { perTaskUsd: 5, perDayUsd: 50 };

type Limit = number | null | undefined;
interface Sources {
  readonly budgets?: BudgetsInput;
  readonly limits?: { readonly maxCostPerTaskUsd?: Limit; readonly maxCostPerDayUsd?: Limit };
  readonly codegen?: { readonly maxCostPerTask?: Limit; readonly maxCostPerDay?: Limit };
}

const strictest = (given: readonly Limit[], otherwise: number): number | null => {
  const said = given.filter((limit) => limit !== undefined);
  if (said.length === 0) return otherwise;
  const amounts = said.filter((limit): limit is number => typeof limit === 'number');
  return amounts.length === 0 ? null : Math.min(...amounts);
};

/** One value for each budget, whatever names it was given under: the strictest counts. */
export function resolveBudgets({ budgets: own = {}, limits, codegen }: Sources): BudgetsConfig {
  return {
    perAttemptUsd: own.perAttemptUsd ?? null,
    perTaskUsd: strictest([own.perTaskUsd, limits?.maxCostPerTaskUsd, codegen?.maxCostPerTask], safe.perTaskUsd),
    perIssueUsd: own.perIssueUsd ?? null,
    perRepositoryUsd: own.perRepositoryUsd ?? null,
    perDayUsd: strictest([own.perDayUsd, limits?.maxCostPerDayUsd, codegen?.maxCostPerDay], safe.perDayUsd),
    perMonthUsd: own.perMonthUsd ?? null,
    timeZone: own.timeZone ?? machineTimeZone(),
    alerts: own.alerts ?? {},
  };
}

const aliases = [
  { own: 'perTaskUsd', others: [['limits', 'maxCostPerTaskUsd'] as const, ['codegen', 'maxCostPerTask'] as const] },
  { own: 'perDayUsd', others: [['limits', 'maxCostPerDayUsd'] as const, ['codegen', 'maxCostPerDay'] as const] },
] as const;

type Loose = Readonly<Record<string, unknown>>;

/** Says which of several names of one budget counts, and what no budget can hold. */
export function budgetWarnings(file: Loose): { readonly path: string; readonly message: string }[] {
  return [...severalNames(file), ...unknownCost(file)];
}

/** Limits of Codegen's own section say the same of themselves. */
function unknownCost(file: Loose): { readonly path: string; readonly message: string }[] {
  const codegen = looseOf(file['codegen']);
  const said = typeof codegen?.['maxCostPerTask'] === 'number' || typeof codegen?.['maxCostPerDay'] === 'number';
  const message = (name: string): string =>
    `is absent, and ${name} reports no cost: no budget holds its runs; limits.maxAttemptsPerTask and limits.attemptTimeoutMs do`;
  const without = (settings: Loose | undefined): boolean => settings?.['estimatedCostPerRunUsd'] === undefined;
  const own = Object.entries(looseOf(file['executors']) ?? {}).filter(
    ([, one]) => looseOf(looseOf(one)?.['capabilities'])?.['cost'] === 'none' && without(looseOf(one)),
  );
  return [
    ...(codegen?.['enabled'] === true && without(codegen) && !said
      ? [{ path: 'codegen.estimatedCostPerRunUsd', message: message('Codegen') }]
      : []),
    ...own.map(([id]) => ({ path: `executors.${id}.estimatedCostPerRunUsd`, message: message(id) })),
  ];
}

function severalNames(file: Loose): { readonly path: string; readonly message: string }[] {
  return aliases.flatMap(({ own, others }) => {
    const given = [['budgets', own] as const, ...others].flatMap(([section, key]) => {
      const value = looseOf(file[section])?.[key];
      return typeof value === 'number' || value === null ? [{ path: `${section}.${key}`, value }] : [];
    });
    const amounts = given.filter((one): one is { path: string; value: number } => typeof one.value === 'number');
    if (given.length < 2 || new Set(given.map(({ value }) => value)).size < 2 || amounts.length === 0) return [];
    const least = amounts.reduce((a, b) => (b.value < a.value ? b : a));
    return given
      .filter(({ value }) => value !== least.value)
      .map(({ path }) => ({ path, message: `is not used: ${least.path} names the same budget and is stricter` }));
  });
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function looseOf(value: unknown): Loose | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : undefined;
}
