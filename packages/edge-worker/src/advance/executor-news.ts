import { type Input, type JobEnd, noEffects } from 'cyrus-core/domain/effects';
import { idOf } from 'cyrus-core/ids';
import type { RunResult } from 'cyrus-executor-interface/executor';
import type { Tx } from 'cyrus-store/pool';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { lockCondition, readCondition, saveCondition } from 'cyrus-store/queries/executor-condition';
import { decideCondition, type ExecutorNews } from 'cyrus-task-orchestrator/condition';

/**
 * Notes what an attempt tells of its executor: how its run ended, whatever git says of the work. Called last in the transaction, so
 * that the row is locked for a moment only.
 */
export async function noteExecutor(
  tx: Tx,
  attempt: { readonly id: string; readonly executorId: string; readonly ended: boolean; readonly atWork: boolean },
  inputs: readonly Input[],
  now: number,
): Promise<void> {
  const end = newsOf(inputs);
  // Who uses tools is reached and let in: others need not wait for the end of that run.
  const news: ExecutorNews = end.news === 'nothing' && attempt.atWork ? { news: 'worked' } : end;
  if (news.news === 'nothing' && !attempt.ended) return;
  if (news.news !== 'failed') {
    // Nearly always: it works, as it did before.
    const known = await readCondition(tx, attempt.executorId);
    if (!known || (known.trial !== attempt.id && (end.news === 'nothing' || (known.state === 'ready' && known.failures === 0)))) return;
  }
  const before = await lockCondition(tx, attempt.executorId);
  const { record, event } = decideCondition(before, attempt.id, news, now, idOf(`incident:${attempt.executorId}:${attempt.id}`));
  if (record === before) return;
  await saveCondition(tx, record);
  await applyEffects(tx, {
    ...noEffects(),
    events: event ? [event] : [],
    tells: [{ entity: 'dispatcher:main', kind: 'executor', payload: { executorId: attempt.executorId } }],
  });
}

/** What the end of a run says. A run that was stopped, or cut off with its host, says nothing. */
function newsOf(inputs: readonly Input[]): ExecutorNews {
  for (const { kind, payload } of inputs) {
    const end = payload as unknown as JobEnd;
    if (kind !== 'job' || end.kind !== 'agent' || end.state === 'lost' || end.state === 'killed') continue;
    const result = end.result?.['result'] as RunResult | undefined;
    const failure = end.failure ?? result?.failure;
    if (failure) return { news: 'failed', failure };
    if (result?.state === 'succeeded' || end.result?.['question']) return { news: 'worked' };
  }
  return { news: 'nothing' };
}
