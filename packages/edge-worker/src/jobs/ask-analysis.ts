import { type BudgetPlace, type BudgetRules, budgetKeys, leftIn } from 'cyrus-core/budget';
import type { Config } from 'cyrus-core/config/schema';
import type { Issue } from 'cyrus-core/domain/issue';
import { type MicroUsd, microUsd } from 'cyrus-core/money';
import { loadPrices, type Price, priceList, type TokenCounts } from 'cyrus-core/prices';
import type { Log } from 'cyrus-store/log';
import type { Database, Tx } from 'cyrus-store/pool';
import { chargeAnalysis, dropAnalysisCharge, settleAnalysisCharge } from 'cyrus-store/queries/analysis-charge';
import { addToBudgets } from 'cyrus-store/queries/budget-add';
import { lockBudgets } from 'cyrus-store/queries/budget-load';
import { beginAnalysis, dropAnalysis, endAnalysis, findAnswer } from 'cyrus-store/queries/task-analysis';
import { analysisKey, analysisQuestion, analysisTool } from 'cyrus-task-orchestrator/refine-analysis';
import { billingOf } from '../money/budget-rules.ts';

export interface AnalystOptions {
  readonly db: Database;
  readonly config: () => Config;
  readonly rules: BudgetRules;
}

/** Has the configured model say how much work an issue is, once for each text. Whatever goes wrong, the issue goes on without it. */
export type Analyst = (issue: Issue, signal: AbortSignal, log: Log) => Promise<void>;

const timeoutMs = 20_000;
const maxTokens = 300;
/** The question is at most so many tokens, the tool's description included. */
const tokensOf = (text: string): number => Math.ceil(text.length / 2) + 600;

export function createAnalyst({ db, config, rules }: AnalystOptions): Analyst {
  let prices: Promise<Price> | undefined;
  return async (issue, signal, log) => {
    const { analysis, claude } = config();
    if (!analysis || claude.auth !== 'apiKey' || claude.apiKey === undefined) return;
    const { model } = analysis;
    const question = analysisQuestion(issue);
    const contentHash = analysisKey(model, issue);
    try {
      if (await findAnswer(db, contentHash)) return;
      prices ??= loadPrices();
      const price = await prices;
      const most = microUsd(analysis.maxCostUsd);
      const tokens = { inputTokens: tokensOf(question), outputTokens: maxTokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
      const listed = price(model, tokens) ?? null;
      const worst = listed ?? most;
      if (worst > most) return;
      const place = { taskId: '', issueId: issue.id, repositoryId: '', executorId: 'claude', billing: billingOf(config(), 'claude') };
      const begun = await db.tx((tx) => begin(tx, rules, place, { contentHash, model, worst, isListed: listed !== null }));
      if (begun === null) return;
      const said = await ask(claude.apiUrl ?? 'https://api.anthropic.com', claude.apiKey, model, question, signal);
      await db.tx((tx) => end(tx, rules, place, begun, { contentHash, said, worst, price: (usage) => price(model, usage) ?? null }));
      if (said.trouble) log.warn({ issue: issue.identifier, model, trouble: said.trouble }, 'the model gave no analysis; the rules stand');
    } catch (error) {
      log.warn({ issue: issue.identifier, model, error: String(error) }, 'the model gave no analysis; the rules stand');
    }
  };
}

/** Budgets that a look at an issue counts for: it has no task yet. */
const counts = new Set(['month', 'day', 'issue', 'credit']);

interface Begun {
  readonly at: number;
  readonly chargeId: number;
}

/**
 * Writes the call down and charges its worst case before it is made; null: there is no money for it, or it was made. Rows of the look
 * come first and budgets last, here as at its end: whoever holds a budget waits for nobody.
 */
async function begin(
  tx: Tx,
  rules: BudgetRules,
  place: BudgetPlace,
  asked: { readonly contentHash: string; readonly model: string; readonly worst: MicroUsd; readonly isListed: boolean },
): Promise<Begun | null> {
  const { contentHash, model, worst, isListed } = asked;
  if (!(await beginAnalysis(tx, asked))) return null;
  const at = await tx.now();
  const chargeId = await chargeAnalysis(tx, {
    ...{ issueId: place.issueId, model, worstCase: worst, billing: place.billing, day: rules.calendar.day(at).key },
    ...(isListed ? { prices: priceList, trust: 'gateway' } : { prices: null, trust: 'estimated' }),
  });
  const states = (await lockBudgets(tx, rules, [place])).states(place);
  if (states.some((state) => counts.has(state.scope) && (leftIn(state) ?? worst) < worst)) {
    await dropAnalysisCharge(tx, chargeId);
    await dropAnalysis(tx, contentHash);
    return null;
  }
  await book(tx, rules, place, at, worst);
  return { at, chargeId };
}

/** What did not happen may be asked again; a cost that is not known counts with its worst case. */
async function end(
  tx: Tx,
  rules: BudgetRules,
  place: BudgetPlace,
  { at, chargeId }: Begun,
  over: {
    readonly contentHash: string;
    readonly said: Said;
    readonly worst: MicroUsd;
    readonly price: (usage: TokenCounts) => MicroUsd | null;
  },
): Promise<void> {
  const { contentHash, said, worst } = over;
  if (!said.asked) {
    await dropAnalysis(tx, contentHash);
    await dropAnalysisCharge(tx, chargeId);
    return book(tx, rules, place, at, -worst);
  }
  await endAnalysis(tx, contentHash, said.answer);
  if (!said.usage) return;
  const price = over.price(said.usage);
  await settleAnalysisCharge(tx, chargeId, said.usage, price);
  if (price !== null) await book(tx, rules, place, at, price - worst);
}

function book(tx: Tx, rules: BudgetRules, place: BudgetPlace, at: number, amount: MicroUsd): Promise<void> {
  const keys = budgetKeys(place, rules.calendar, at).filter(({ scope }) => counts.has(scope));
  return addToBudgets(
    tx,
    keys.map(({ scope, key }) => ({ scope, key, amount })),
  );
}

type Said =
  | { readonly asked: false; readonly trouble: string }
  | { readonly asked: true; readonly answer: unknown; readonly usage: TokenCounts | null; readonly trouble: string | null };

/** One call of the Messages API that has to answer with the tool's input. */
async function ask(apiUrl: string, apiKey: string, model: string, question: string, signal: AbortSignal): Promise<Said> {
  let response: Response;
  try {
    response = await fetch(`${apiUrl.replace(/\/$/, '')}/v1/messages`, {
      method: 'POST',
      // The key goes to the configured address alone.
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey, 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({
        model,
        max_tokens: maxTokens,
        tools: [analysisTool],
        tool_choice: { type: 'tool', name: analysisTool.name },
        messages: [{ role: 'user', content: question }],
      }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  } catch (error) {
    const refused = (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED';
    if (refused) return { asked: false, trouble: 'it cannot be reached' };
    return { asked: true, answer: null, usage: null, trouble: String(error) };
  }
  if (response.status >= 400 && response.status < 500) return { asked: false, trouble: `it answers ${response.status}` };
  if (!response.ok) return { asked: true, answer: null, usage: null, trouble: `it answers ${response.status}` };
  const message = (await response.json().catch(() => null)) as {
    readonly content?: readonly { readonly type: string; readonly name?: string; readonly input?: unknown }[];
    readonly usage?: Readonly<Record<string, number | undefined>>;
  } | null;
  const answer = message?.content?.find(({ type, name }) => type === 'tool_use' && name === analysisTool.name)?.input ?? null;
  const usage = message?.usage ? usageOf(message.usage) : null;
  return { asked: true, answer, usage, trouble: answer === null ? 'it did not answer with the tool' : null };
}

const usageOf = (usage: Readonly<Record<string, number | undefined>>): TokenCounts => ({
  inputTokens: usage['input_tokens'] ?? 0,
  outputTokens: usage['output_tokens'] ?? 0,
  cacheReadTokens: usage['cache_read_input_tokens'] ?? 0,
  cacheWriteTokens: usage['cache_creation_input_tokens'] ?? 0,
});
