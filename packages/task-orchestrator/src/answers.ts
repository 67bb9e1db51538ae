import type { Evidence, PullRequestRef, Verdict } from 'cyrus-core/domain/plan';
import type { Answer } from 'cyrus-core/domain/session';
import { formatDuration } from 'cyrus-core/duration';
import type { Failure } from 'cyrus-core/failure';
import { formatUsd, type MicroUsd } from 'cyrus-core/money';
import { submodulesLine } from './submodules-line.ts';

export interface Spent {
  readonly cost: MicroUsd;
  /** True when some usage had no price: then `cost` is a lower bound. */
  readonly unpriced: boolean;
  /** List price of what a subscription or a credit pays for; absent: nothing. */
  readonly covered?: MicroUsd;
  /** Some of `cost` is what was assumed of a run. */
  readonly estimated?: boolean;
  readonly durationMs: number;
  readonly attempts: number;
}

const cut = (text: string, limit: number): string => (text.length <= limit ? text : `${text.slice(0, limit).trimEnd()} …`);

/** Text in a code span that its own content cannot leave. */
export const code = (text: string): string => `\`${text.replace(/[`\r\n]/g, ' ')}\``;

function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

function changesLine(evidence: Evidence): string {
  const shown = evidence.files.slice(0, 5).map((file) => code(file.path));
  const more = evidence.files.length - shown.length;
  const files = evidence.files.length === 1 ? '1 file' : `${evidence.files.length} files`;
  return `**Changes:** ${files}, +${evidence.insertions} −${evidence.deletions}: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

export function checksLine(verdict: Verdict): string {
  if (verdict.verdict === 'not_run') return `**Checks:** not run: ${verdict.reason ?? 'nothing to run'}`;
  const ran = verdict.checks.map(
    (check) =>
      `${code(check.command)} ${check.exitCode === 0 ? 'passed' : 'failed'} (${check.elsewhere ? 'pull request' : formatDuration(check.durationMs)})`,
  );
  const restored = verdict.restored?.length
    ? `. The work changes how they are run (${verdict.restored.slice(0, 5).map(code).join(', ')}): they ran as the base branch has them`
    : '';
  return `**Checks:** ${ran.join(', ')}${restored}`;
}

/** `$1.20`, `about $3.00 (estimated)`, `included (list price $0.40)`. */
export function costWords({ cost, unpriced, covered = 0, estimated = false }: Omit<Spent, 'durationMs' | 'attempts'>): string {
  const included = covered > 0 ? `included (list price ${formatUsd(covered)})` : null;
  if (cost === 0 && included) return unpriced ? `${included}, some of it not priced` : included;
  const paid = estimated ? `about ${formatUsd(cost)} (estimated)` : formatUsd(cost);
  const known = unpriced ? (cost > 0 ? `at least ${paid}` : 'not priced') : paid;
  return included ? `${known}, more of it ${included}` : known;
}

export function spentLine(spent: Spent): string {
  const attempts = spent.attempts > 1 ? ` · **Attempts:** ${spent.attempts}` : '';
  return `**Duration:** ${formatDuration(spent.durationMs)} · **Cost:** ${costWords(spent)}${attempts}`;
}

/** ✅ with what a reviewer wants to see first: the agent's words, the pull request, changes, checks, duration, cost. */
export function successAnswer(done: {
  readonly output: string;
  readonly branch: string | null;
  readonly pullRequest: PullRequestRef | null;
  /** What there is to say of the pull request, or of there being none. */
  readonly note?: string | null;
  readonly evidence: Evidence | null;
  readonly checks: Verdict | null;
  readonly spent: Spent;
}): Answer {
  const lines = [`✅ ${cut(done.output.trim() || 'Done.', 6000)}`, ''];
  const note = done.note ? ` (${done.note})` : '';
  if (done.pullRequest) lines.push(`**Pull request:** [#${done.pullRequest.number}](${done.pullRequest.url})${note}`);
  else if (done.branch) lines.push(`**Branch:** ${code(done.branch)}${note || ' (pushed)'}`);
  if (done.evidence && done.evidence.files.length > 0) lines.push(changesLine(done.evidence));
  if (done.evidence?.submodules) lines.push(submodulesLine(done.evidence.submodules));
  if (done.checks) lines.push(checksLine(done.checks));
  lines.push(spentLine(done.spent));
  return { kind: 'response', body: lines.join('\n') };
}

/** ❌ with what failed, what is kept and what to do next. */
export function failureAnswer(failed: {
  readonly failure: Failure;
  readonly output: string | null;
  readonly checks: Verdict | null;
  readonly kept: string | null;
  readonly spent: Spent | null;
}): Answer {
  const lines = [`❌ ${failed.failure.message}`];
  if (failed.failure.fix) lines.push('', `**What to do:** ${failed.failure.fix}`);
  if (failed.checks?.verdict === 'failed') {
    lines.push('', checksLine(failed.checks));
    const bad = failed.checks.checks.find((check) => check.exitCode !== 0);
    if (bad?.output.trim()) lines.push('', `+++ Output of ${code(bad.command)}`, fenced(bad.output.trim().slice(-4000)), '+++');
  }
  if (failed.output?.trim()) lines.push('', `**The agent said:** ${cut(failed.output.trim(), 2000)}`);
  if (failed.kept) lines.push('', `**Kept:** ${failed.kept}`);
  if (failed.spent) lines.push('', spentLine(failed.spent));
  return { kind: 'error', body: lines.join('\n') };
}

/** `reason`: why there was a stop that nobody said; `goesOn`: what is not known to have ended. Both in whole sentences. */
export function stopAnswer(by: string | null, kept: string | null, reason?: string | null, goesOn?: string | null): Answer {
  const how = reason ? `Stopped: ${reason}` : `Stopped${by ? ` as ${by} asked` : ''}.`;
  const lines = [`${how} ${goesOn ?? 'Nothing of it runs any more.'}`];
  if (kept) lines.push(`**Kept:** ${kept}`);
  lines.push('Write here to continue from where it was.');
  return { kind: 'response', body: lines.join('\n') };
}
