import type { Issue, WorkflowState } from 'cyrus-core/domain/issue';

const byPosition = (states: readonly WorkflowState[]): WorkflowState[] => [...states].sort((a, b) => a.position - b.position);

const named = (issue: Issue, name: string): WorkflowState | undefined =>
  issue.details?.teamStates.find((state) => state.name.toLowerCase() === name.toLowerCase());

/** Where an issue goes when work begins: the configured state, else the first `started` one; nothing when it is already under way or closed. */
export function stateOnStart(issue: Issue, configured: string | undefined): WorkflowState | undefined {
  if (!issue.details) return undefined;
  if (['started', 'completed', 'canceled'].includes(issue.details.state?.type ?? '')) return undefined;
  if (configured) return named(issue, configured);
  return byPosition(issue.details.teamStates).find((state) => state.type === 'started');
}

/** Where an issue goes when its pull request is open: the configured state, else the first `started` one that sounds like a review. */
export function stateOnSuccess(issue: Issue, configured: string | undefined): WorkflowState | undefined {
  if (!issue.details) return undefined;
  const target = configured
    ? named(issue, configured)
    : byPosition(issue.details.teamStates).find((state) => state.type === 'started' && /review/i.test(state.name));
  return target?.id === issue.details.state?.id ? undefined : target;
}

/** Where an issue goes when its pull request is merged: the configured state, and nowhere without one; nothing when it is closed by then. */
export function stateOnMerge(issue: Issue, configured: string | undefined): WorkflowState | undefined {
  if (configured === undefined || ['completed', 'canceled'].includes(issue.details?.state?.type ?? '')) return undefined;
  const target = named(issue, configured);
  return target?.id === issue.details?.state?.id ? undefined : target;
}
