import type { Config } from 'cyrus-core/config/schema';
import type { Issue } from 'cyrus-core/domain/issue';
import type { Plan, PlanMessage } from 'cyrus-core/domain/plan';
import type { Tx } from 'cyrus-store/pool';
import { findAnswer } from 'cyrus-store/queries/task-analysis';
import type { PlanDecision } from 'cyrus-task-orchestrator/plan-context';
import { analysisKey, refineAnalysis, refinementOf } from 'cyrus-task-orchestrator/refine-analysis';
import { routeProcedure } from 'cyrus-task-orchestrator/route';
import { analyseTask, type TaskAnalysis, type TaskText } from 'cyrus-task-orchestrator/task-analysis';
import { routables } from './settings.ts';

interface Analysed {
  readonly plan: Plan;
  readonly issue: Issue;
  readonly messages: readonly PlanMessage[];
}

/** What a task is taken for: told when it is made and when its issue was read again; null: as before. */
export async function taskAnalysis(
  tx: Tx,
  config: Config,
  { plan, issue, messages }: Analysed,
  decision: Pick<PlanDecision, 'task' | 'issue' | 'newMessages'>,
): Promise<TaskAnalysis | null> {
  if (!decision.task?.isNew && !decision.issue) return null;
  const read: Issue = { ...issue, ...decision.issue };
  const repository = routables(config).find(({ id }) => id === plan.repositoryId);
  const byLabel = repository ? routeProcedure(read, repository) : undefined;
  const text: TaskText = {
    title: read.title,
    description: read.description,
    procedure: plan.procedure,
    procedureChosen: byLabel?.labelled ?? false,
    details: read.details,
    said: [...messages, ...decision.newMessages].map((message) => message.body),
  };
  const byRules = analyseTask(text);
  const model = config.analysis?.model;
  if (model === undefined) return byRules;
  const refinement = refinementOf((await findAnswer(tx, analysisKey(model, read)))?.answer);
  return refinement ? refineAnalysis(byRules, text, refinement, model) : byRules;
}
