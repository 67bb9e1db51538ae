import { formatDuration } from 'cyrus-core/duration';
import type { Health } from 'cyrus-store/queries/health-read';
import type { StatusSnapshot } from 'cyrus-store/queries/status-read';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** What is stuck, by the rows. */
export function judgeQueues(health: Health, status: Pick<StatusSnapshot, 'failures' | 'now' | 'running'>): readonly Finding[] {
  const found: Finding[] = [];
  for (const { credential, message, at } of health.refusedCredentials)
    found.push(
      error(`credential ${credential}`, `refused ${formatDuration(status.now - at)} ago: ${message ?? 'no reason given'}`, {
        why: 'What is to be sent with it waits.',
        fix: 'Set a valid token and restart; everything that waits is sent then.',
      }),
    );
  for (const { credential, count, oldestAt, trouble } of health.overdue)
    found.push(
      warning(
        `queue ${credential}`,
        `${count} wait to be sent, the oldest for ${formatDuration(status.now - oldestAt)}${trouble ? `: ${trouble}` : ''}`,
        {
          why: 'People do not see what happens.',
          fix: status.running
            ? 'They are sent as soon as the other side takes them; look at its status page.'
            : 'Start the service: cyrus start.',
        },
      ),
    );
  if (health.rejected.count > 0)
    found.push(
      warning('refused writes', `${health.rejected.count} in the last day, the last one: ${health.rejected.last ?? 'no reason given'}`, {
        why: 'What was refused for good is not tried again.',
        fix: 'Do what the message says; cyrus logs TASK tells what happened around it.',
      }),
    );
  for (const { entity, failures, lastError } of status.failures)
    found.push(
      warning(entity, `${lastError} (${failures} times)`, {
        why: 'It does not move until this is over.',
        fix: 'It is tried again by itself. If it stays: cyrus doctor --bundle, and report it.',
      }),
    );
  if (health.parked.length > 0)
    found.push(
      warning('parked', health.parked.map(({ identifier, reason }) => `${identifier} (${reason ?? 'no reason given'})`).join(', '), {
        why: 'They go on when what they wait for comes.',
        fix: 'See each with cyrus logs ISSUE; cyrus retry ISSUE goes on at once.',
      }),
    );
  if (found.length > 0) return found;
  return [
    ok('queues', health.openQuestions > 0 ? `nothing is stuck; ${health.openQuestions} questions wait for people` : 'nothing is stuck'),
  ];
}

export const queuesCheck: Check<ConfiguredPatient> = {
  name: 'queues',
  async run({ database }) {
    const facts = await database();
    return facts.state === 'open' ? judgeQueues(facts.health, facts.status) : [];
  },
};
