import type { JobEnd } from 'cyrus-core/domain/effects';
import type { Attempt, Check, Verdict } from 'cyrus-core/domain/plan';
import { type Failure, failureRules } from 'cyrus-core/failure';
import { code } from './answers.ts';
import { goOn, newChain } from './failure-chain.ts';
import { askPolicy } from './plan-ask.ts';
import { chainState, followFailure } from './plan-failures.ts';
import { awaitsChecks, publish } from './plan-publish.ts';
import type { PlanStep } from './plan-step.ts';
import { learnedFrom } from './prompts.ts';
import { action } from './tracker-writes.ts';

interface MergeResult {
  readonly sha?: string;
  readonly fastForward?: boolean;
  readonly conflicts?: readonly string[];
  /** What each side did to the files: the branch, and the work. */
  readonly sides?: readonly { readonly path: string; readonly into: string; readonly head: string }[];
  /** Commits of the branch that touched them. */
  readonly commits?: readonly { readonly sha: string; readonly subject: string }[];
}

export function verify(step: PlanStep, attempt: Attempt): void {
  const { settings, plan } = step.context;
  step.task.checks = null;
  if (settings.verifyMode === 'ci') {
    const reason =
      settings.noPullRequest === null
        ? 'left to those of the pull request'
        : `left to those of a pull request (verify.mode "ci"), and there is none: ${settings.noPullRequest}`;
    return verified(step, { verdict: 'not_run', reason, checks: [] });
  }
  const commands = settings.verifyCommands ?? attempt.checkout?.detected?.commands ?? [];
  if (commands.length === 0) {
    const reason = settings.verifyCommands
      ? 'the configuration names no check command'
      : 'no check command was found in the repository; set verify.commands';
    return verified(step, { verdict: 'not_run', reason, checks: [] });
  }
  step.showChecklist('verify');
  const source = settings.verifyCommands ? 'from the configuration' : `found in ${attempt.checkout?.detected?.from}`;
  step.tell((to) =>
    action(
      to,
      `plan:${plan.id}:verify:${attempt.number}`,
      'Running the checks',
      `${commands.map(code).join(', ')} (${source}), on a clean checkout of ${code(attempt.headSha?.slice(0, 10) ?? '')}`,
      plan.id,
    ),
  );
  verifyJob(step, attempt.headSha ?? '', commands);
}

function verifyJob(step: PlanStep, sha: string, commands: readonly string[]): void {
  const { plan, settings } = step.context;
  step.effects.jobs.push({
    key: `task:${step.task.id}:verify:${sha}:${step.now}`,
    kind: 'verify',
    notify: `plan:${plan.id}`,
    planId: plan.id,
    taskId: step.task.id,
    payload: {
      repositoryId: plan.repositoryId,
      taskId: step.task.id,
      sha,
      commands,
      timeoutMs: settings.verifyTimeoutMs,
      ...(settings.setupCommand ? { setup: { command: settings.setupCommand } } : {}),
    },
  });
}

export function jobEnded(step: PlanStep, end: JobEnd): void {
  if (end.kind === 'verify' && step.task.state === 'verifying') {
    if (end.state === 'lost') {
      const attempt = step.lastAttempt();
      const commands = step.context.settings.verifyCommands ?? attempt?.checkout?.detected?.commands ?? [];
      return verifyJob(step, step.task.headSha ?? '', commands);
    }
    if (end.state === 'killed') return;
    const verdict =
      end.state === 'failed'
        ? { verdict: 'not_run' as const, reason: end.failure?.message ?? 'they could not be started', checks: [] }
        : (end.result as unknown as Verdict);
    return judge(step, verdict);
  }
  if (end.kind === 'merge' && step.task.state === 'merging') {
    if (step.plan.state !== 'running') return;
    if (end.state === 'lost') return merge(step);
    if (end.state === 'killed') return;
    if (end.state === 'failed' && end.failure) return step.fail(end.failure);
    return merged(step, (end.result ?? {}) as MergeResult);
  }
}

/** Goes on where a pause held the checks or the merge back. */
export function resumeChecks(step: PlanStep): void {
  if (step.task.state === 'merging') merge(step);
  else if (step.task.checks) judge(step, step.task.checks);
}

function judge(step: PlanStep, verdict: Verdict): void {
  step.task.checks = verdict;
  if (step.plan.state === 'parked') return;
  if (verdict.verdict === 'not_run') unchecked(step, verdict);
  else verified(step, verdict);
}

/** There are checks, and they cannot be run here: work that nobody checked is not published as if it had been. */
function unchecked(step: PlanStep, verdict: Verdict): void {
  step.task.checks = verdict;
  if (step.undelivered().length > 0) return step.again(null, null);
  askPolicy(
    step,
    'checks',
    `The work is committed, but its checks cannot be run here: ${verdict.reason ?? 'no reason was given'}. Mend that on this machine (or set verify.commands, or leave the checks to the pull request with verify.mode "ci") and have them run again, or decide without them.`,
    Object.values(uncheckedChoices),
  );
}

const uncheckedChoices = { again: 'Run the checks again', publish: 'Publish without checks', stop: 'Stop here' } as const;

/** What a person chose to do with work that could not be checked; null: these are words for the agent. */
export function uncheckedChoice(answer: string): keyof typeof uncheckedChoices | null {
  const said = answer
    .trim()
    .toLowerCase()
    .replace(/[.!]+$/, '');
  if (said === 'publish') return 'publish';
  if (said === 'again' || said === 'run again' || said === 'try again') return 'again';
  const found = Object.entries(uncheckedChoices).find(([, label]) => label.toLowerCase() === said);
  return found ? (found[0] as keyof typeof uncheckedChoices) : null;
}

/** Goes on as the person chose. */
export function afterUnchecked(step: PlanStep, choice: keyof typeof uncheckedChoices, by: string | null): void {
  const { question, settings } = step.context;
  if (question) step.question = { do: 'answer', id: question.id, answer: uncheckedChoices[choice] };
  switch (choice) {
    case 'stop':
      step.stopBy = by;
      return step.stop();
    case 'publish':
      step.say(`unchecked:${step.task.headSha}`, 'Publishing without checks, as you decided.');
      step.moveTask('merging');
      return merge(step);
    case 'again':
      step.say(`checks:again:${step.now}`, 'Running the checks again.');
      step.moveTask('verifying');
      return verifyJob(step, step.task.headSha ?? '', settings.verifyCommands ?? step.lastAttempt()?.checkout?.detected?.commands ?? []);
  }
}

function verified(step: PlanStep, verdict: Verdict): void {
  step.task.checks = verdict;
  if (step.undelivered().length > 0) return step.again(null, null);
  if (verdict.verdict === 'failed') return checksFailed(step, verdict);
  step.moveTask('merging');
  merge(step);
}

/** Sets of failing checks that one agent may try itself at, in attempts: whoever mends one thing and breaks another gets no further. */
const mostSets = 3;

/** Failed checks that the next attempt is told of. */
const mostTold = 3;
const toldOf = ({ command, output, elsewhere }: Check): string =>
  `${elsewhere ? `The check ${command} of the pull request:` : `$ ${command}`}\n${output.slice(-6000)}`;

/** The same checks failing on the same commit are not tried again; a new set, or new work, is, as often as attempts are allowed. */
export function checksFailed(step: PlanStep, verdict: Verdict): void {
  const attempt = step.lastAttempt();
  if (!attempt) return;
  const { executorId } = attempt;
  const bad = verdict.checks.filter((check) => check.exitCode !== 0);
  const failing =
    bad
      .map(({ command }) => command)
      .sort()
      .join('\n') ||
    (verdict.reason ?? '');
  const sha = step.task.headSha ?? '';
  const chain = step.task.chain ?? newChain();
  const here = chain.checks.filter((set) => set.executorId === executorId);
  const seen = here.some((set) => set.sha === sha && set.failing === failing);
  const same = here.filter((set) => set.failing === failing).length + 1;
  step.task.chain = { ...chain, checks: [...chain.checks, { sha, failing, executorId }] };
  const [first] = bad;
  const label = first ? code(first.command) : (verdict.reason ?? 'A check');
  const learned = learnedFrom.checks(bad.slice(0, mostTold).map(toldOf).join('\n\n'));
  const { maxAttempts } = step.context.settings;
  if (!seen && same < maxAttempts && here.length + 1 < mostSets * maxAttempts) {
    step.say(
      `checks:${step.task.attempts}`,
      `${label} failed on the committed work${first?.elsewhere ? ', in the pull request' : ''}. The agent gets the output and tries again.`,
    );
    return step.again(learned, null);
  }
  const attempts = here.length + 1;
  const unchanged = seen ? ', and the last one changed nothing' : '';
  const failure: Failure = {
    class: 'checks_failed',
    message: `${label} still fails after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}${unchanged}.`,
    fix: 'Say here what to change, or fix the checks and try again.',
  };
  followFailure(step, goOn(chainState(step, attempt), failure, step.now, learned), attempt);
}

function merge(step: PlanStep): void {
  const { plan, issue } = step.context;
  step.effects.jobs.push({
    key: `task:${step.task.id}:merge:${step.task.headSha}:${step.now}`,
    kind: 'merge',
    notify: `plan:${plan.id}`,
    planId: plan.id,
    taskId: step.task.id,
    payload: {
      repositoryId: plan.repositoryId,
      into: step.plan.headSha ?? step.plan.startSha,
      head: step.task.headSha,
      message: `Merge ${issue.identifier}`,
    },
  });
}

/** One attempt resolves it; what that does not bring together, a person decides on. */
function conflicted(step: PlanStep, { conflicts = [], sides = [], commits = [] }: MergeResult): void {
  const attempt = step.lastAttempt();
  if (!attempt) return;
  const paths = conflicts.slice(0, 5).join(', ');
  const into = step.plan.headSha ?? step.plan.startSha ?? '';
  const failure: Failure = { class: 'conflict', message: `The work conflicts with its branch in ${paths}.` };
  const each = sides.map(({ path, into: there, head }) => `${path} (${there} there, ${head} in your work)`).join(', ');
  const made = commits.map(({ sha, subject }) => `${sha.slice(0, 10)} "${subject}"`).join(', ');
  const details = `${each === '' ? '' : ` In conflict: ${each}.`}${made === '' ? '' : ` There they were touched by ${made}.`}`;
  const learned = learnedFrom.failed(
    `${failure.message}${details} Begin with \`git merge ${into}\`: it puts both sides into these files. Resolve the conflicts so that both changes keep their meaning, and commit.`,
  );
  const chain = step.task.chain ?? newChain();
  step.task.chain = { ...chain, conflicts: chain.conflicts + 1 };
  if (step.undelivered().length > 0 || chain.conflicts < (failureRules.conflict.times as number)) {
    step.say(`conflict:${step.task.attempts}`, `${failure.message} The agent resolves that.`);
    return step.again(learned, null);
  }
  followFailure(step, goOn(chainState(step, attempt), failure, step.now, learned), attempt);
}

function merged(step: PlanStep, result: MergeResult): void {
  if (!result.sha) return conflicted(step, result);
  step.plan.headSha = result.sha;
  // Checks of the pull request that fail bring it back.
  if (!awaitsChecks(step.context.settings)) step.moveTask('done');
  step.movePlan('verifying');
  publish(step);
}
