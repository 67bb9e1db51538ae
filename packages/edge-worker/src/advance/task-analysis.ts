import type { Config } from 'cyrus-core/config/schema';
import type { Issue } from 'cyrus-core/domain/issue';
import type { Plan, PlanMessage } from 'cyrus-core/domain/plan';
import type { PlanDecision } from 'cyrus-task-orchestrator/plan-context';
import { routeProcedure } from 'cyrus-task-orchestrator/route';
import { analyseTask, type TaskAnalysis } from 'cyrus-task-orchestrator/task-analysis';
import { routables } from './settings.ts';

interface Analysed {
  readonly plan: Plan;
  readonly issue: Issue;
  readonly messages: readonly PlanMessage[];
}

/** What a task is taken for: told when it is made and when its issue was read again; null: as before. */
export function taskAnalysis(
  config: Config,
  { plan, issue, messages }: Analysed,
  decision: Pick<PlanDecision, 'task' | 'issue' | 'newMessages'>,
): TaskAnalysis | null {
  if (!decision.task?.isNew && !decision.issue) return null;
  const read: Issue = { ...issue, ...decision.issue };
  const repository = routables(config).find(({ id }) => id === plan.repositoryId);
  const byLabel = repository ? routeProcedure(read, repository) : undefined;
  return analyseTask({
    title: read.title,
    description: read.description,
    procedure: plan.procedure,
    procedureChosen: byLabel?.labelled ?? false,
    details: read.details,
    said: [...messages, ...decision.newMessages].map((message) => message.body),
  });
}
