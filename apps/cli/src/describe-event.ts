import { formatUsd } from 'cyrus-core/money';
import type { StoredEvent } from 'cyrus-store/queries/event-list';
import { describeTool } from 'cyrus-task-orchestrator/describe-tool';

const line = (value: unknown, limit = 400): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? '');
  const flat = text.replace(/\s+/g, ' ').trim();
  return flat.length <= limit ? flat : `${flat.slice(0, limit - 1)}…`;
};

/** One event as one line for a person; null for what says nothing to one. */
export function describeEvent(event: StoredEvent): string | null {
  const { payload } = event;
  switch (event.type) {
    case 'plan.state':
      return `plan ${String(payload['from'])} → ${String(payload['to'])}`;
    case 'task.state':
      return `task ${String(payload['from'])} → ${String(payload['to'])}`;
    case 'attempt.state':
      return `attempt ${String(payload['from'])} → ${String(payload['to'])}`;
    case 'task.waiting':
    case 'checkout.waiting':
      return payload['reason'] ? line(payload['reason']) : null;
    case 'task.ruled_out':
      return `not given to ${String(payload['executorId'])} any more: ${line(payload['why'])}`;
    case 'budget.raised':
      return `${String(payload['by'] ?? 'somebody')} raised the ${String(payload['scope'])} budget by ${formatUsd(Number(payload['amount']))}`;
    case 'turn.closed':
      return `answer (${String(payload['kind'])}): ${line(payload['body'])}`;
    case 'message':
      return `agent: ${line(payload['content'])}`;
    case 'tool-use': {
      const { tool, about } = describeTool(String(payload['tool']), payload['input']);
      return `${tool} ${about}`;
    }
    case 'tool-result':
      return payload['isError'] === true ? `  failed: ${line(payload['output'])}` : null;
    case 'error':
      return `error: ${line((payload['failure'] as { message?: string } | undefined)?.message ?? payload)}`;
    case 'run.started':
      return `run ${String(payload['runId'])} on ${String(payload['executorId'])}${payload['url'] ? `: ${line(payload['url'])}` : ''}`;
    case 'run.stop':
      return `stop asked of ${String(payload['executorId'])}: ${String(payload['outcome'])}${payload['url'] ? ` (${line(payload['url'])})` : ''}`;
    case 'run.late':
      return `a late run ${String(payload['runId'])} turned up on ${String(payload['executorId'])}; stop: ${String(payload['outcome'])}`;
    case 'network.refused': {
      const { host, port, why, phase } = payload;
      const fix =
        why === 'private'
          ? `its address is a private one: list that, too`
          : `allow it with ${phase === 'setup' ? 'sandbox.setupEgress' : 'sandbox.egress'}`;
      return `network refused ${String(host)}:${String(port)} (${fix})`;
    }
    case 'model.refused':
      return `model refused: ${line(payload['message'])}`;
    case 'needs-input':
      return `question: ${line(payload['question'])}`;
    default:
      return null;
  }
}
