import { type Evidence, git, type LinearActivity, type Pull } from './evidence.ts';
import type { Killed } from './killer.ts';
import type { Assigned } from './people.ts';

/** One line of the table. */
export interface Check {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly ok: boolean;
  /** What is wrong, one a line. */
  readonly wrong: readonly string[];
}

interface Situation {
  readonly evidence: Evidence;
  readonly assigned: readonly Assigned[];
  /** When the service could not answer: from the kill until it was on again, as epoch milliseconds. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

const check = (name: string, expected: string, found: string, wrong: readonly string[]): Check => ({
  name,
  expected,
  found,
  ok: wrong.length === 0,
  wrong,
});
const none = (name: string, wrong: readonly string[]): Check => check(name, '0', String(wrong.length), wrong);
const isClosing = ({ type, byAgent }: LinearActivity): boolean => byAgent && ['response', 'error', 'elicitation'].includes(type);

/** Everything that has to hold when all is at rest. */
export async function checkAll(situation: Situation): Promise<Check[]> {
  const { evidence } = situation;
  return [
    pullRequests(situation),
    await contents(situation),
    closingAnswers(situation),
    answered(situation),
    duplicates(situation),
    sentOnce(situation),
    failures(situation),
    violations(situation),
    issueStates(situation),
    questions(situation),
    ...Object.entries(evidence.leftovers).map(([name, rows]) => none(name, rows)),
    none(
      'writes rejected (but for sessions that are gone)',
      evidence.rows.rejected
        .filter((row) => !goneSessions(situation).has(row.session_id ?? ''))
        .map((row) => `${row.key}: ${JSON.stringify(row.failure)}`),
    ),
    none('checkouts left (but for those of open questions)', checkoutsLeft(situation)),
    none('branches of no plan', branchesOfNoPlan(evidence)),
    none('worktrees and locks left in mirrors', evidence.strayInMirrors),
  ];
}

/** Sessions that Linear knows no more: nothing can be said there. */
function goneSessions({ assigned }: Situation): ReadonlySet<string> {
  return new Set(assigned.filter(({ ending }) => ending === 'gone').flatMap(({ sessions }) => [...sessions.keys()]));
}

function checkoutsLeft({ evidence }: Situation): readonly string[] {
  const asking = evidence.rows.questions.filter(({ state }) => state === 'open').map((row) => row.task_id ?? '');
  return evidence.checkouts.filter((name) => !asking.some((task) => task !== '' && name.startsWith(task)));
}

/** What we pushed is the branch of a plan. */
function branchesOfNoPlan({ branches, rows }: Evidence): string[] {
  const known = new Set(rows.plans.map((plan) => `${plan.repository_id} ${plan.branch}`));
  return branches.filter((branch) => !known.has(branch));
}

/** Every question was answered or is still open, as the people of the day left it; no open one belongs to work that is over. */
function questions({ evidence, assigned }: Situation): Check {
  const wrong: string[] = [];
  const { questions: asked } = evidence.rows;
  for (const question of asked) {
    const issue = assigned.find(({ sessions }) => sessions.has(question.session_id));
    const over = ['done', 'failed', 'stopped'].includes(question.plan_state ?? '');
    const name = `${issue?.identifier ?? '?'} (${issue?.ending})`;
    if (question.state === 'open' && (over || issue?.ending !== 'asking')) wrong.push(`${name}: open, its plan is ${question.plan_state}`);
    if (question.state !== 'open' && issue?.ending === 'asking') wrong.push(`${name}: ${question.state}, and nobody answered`);
  }
  for (const issue of assigned.filter(({ planned }) => planned.agent === 'asking')) {
    const own = asked.filter(({ session_id: session }) => issue.sessions.has(session));
    if (own.length !== 1) wrong.push(`${issue.identifier}: ${own.length} questions`);
  }
  const expected = assigned.filter(({ planned }) => planned.agent === 'asking').length;
  return check('questions (answered or open)', String(expected), String(asked.length), wrong);
}

/** One pull request an issue, whose last plan knows it; an issue that was ended by a person has at most one. */
function pullRequests({ evidence, assigned }: Situation): Check {
  const wrong: string[] = [];
  let counted = 0;
  let wanted = 0;
  for (const issue of assigned) {
    const plans = evidence.rows.plans.filter((plan) => plan.issue_id === issue.id);
    const branches = new Set(plans.map((plan) => `${plan.repository_id} ${plan.branch}`));
    const pulls = evidence.pulls.filter((pull) => branches.has(`${pull.repository} ${pull.head}`));
    const done = issue.ending === 'done';
    if (done) {
      wanted++;
      counted += pulls.length;
    }
    if (done ? pulls.length !== 1 : pulls.length > 1)
      wrong.push(`${issue.identifier}: ${pulls.length} pull requests; plans ${plans.map((plan) => plan.state).join(', ') || 'none'}`);
    const known = plans.at(-1)?.pull_request;
    if (done && pulls[0] && known?.number !== pulls[0].number)
      wrong.push(`${issue.identifier}: the plan names pull request ${known?.number}, there is ${pulls[0].number}`);
  }
  const known = new Set(evidence.rows.plans.map((plan) => `${plan.repository_id} ${plan.branch}`));
  for (const pull of evidence.pulls)
    if (!known.has(`${pull.repository} ${pull.head}`)) wrong.push(`${pull.repository}#${pull.number}: of no plan (${pull.head})`);
  return check('pull requests (issues that are done)', String(wanted), String(counted), wrong);
}

/** The branch of every pull request holds the one file of its issue and every message of it. */
async function contents({ evidence, assigned }: Situation): Promise<Check> {
  const wrong: string[] = [];
  let right = 0;
  let wanted = 0;
  for (const issue of assigned.filter((each) => each.ending === 'done')) {
    wanted++;
    const plan = evidence.rows.plans.findLast((each) => each.issue_id === issue.id);
    const pull = evidence.pulls.find((each) => each.repository === plan?.repository_id && each.head === plan.branch);
    const mistakes = pull ? await mistakesIn(pull, issue, evidence) : ['no pull request'];
    wrong.push(...mistakes.map((mistake) => `${issue.identifier}: ${mistake}`));
    if (mistakes.length === 0) right++;
  }
  return check('branches with the work, once', String(wanted), String(right), wrong);
}

async function mistakesIn(pull: Pull, issue: Assigned, { rows }: Evidence): Promise<string[]> {
  const range = `${pull.base}..${pull.head}`;
  const log = await git(pull.directory, 'log', '-p', '--format=%s', range, '--');
  const files = (await git(pull.directory, 'diff', '--name-only', `${pull.base}...${pull.head}`, '--')).split('\n').filter(Boolean);
  const written = files.filter((file) => file.startsWith('CHANGES-'));
  const conversation = rows.conversations.find((each) => each.issue_id === issue.id);
  const own = issue.planned.agent === 'claude' ? issue.marker : (conversation?.id.slice(0, 8) ?? '?');
  const mistakes: string[] = [];
  if (written.join() !== `CHANGES-${own}.md`) mistakes.push(`the files ${files.join(', ') || 'none'} instead of CHANGES-${own}.md`);
  const foreign = files.filter((file) => !file.startsWith('CHANGES-') && !file.startsWith('message-'));
  if (foreign.length > 0) mistakes.push(`foreign files ${foreign.join(', ')}`);
  if (!log.includes(issue.marker)) mistakes.push(`${issue.marker} is not in it`);
  if (issue.planned.agent !== 'claude')
    for (const message of issue.messages) if (!log.includes(message)) mistakes.push(`the message "${message}" is not in it`);
  return mistakes;
}

/** One closing answer a turn: in the database, and as many in Linear. */
function closingAnswers(situation: Situation): Check {
  const { rows, sessions } = situation.evidence;
  const gone = goneSessions(situation);
  const wrong: string[] = [];
  for (const turn of rows.turns) {
    if (turn.state !== 'closed') wrong.push(`turn ${turn.id} of session ${turn.session_id} is ${turn.state}`);
    if (gone.has(turn.session_id)) continue;
    const sent = rows.closings.filter((row) => row.turn_id === turn.id && row.state === 'sent').length;
    if (sent !== 1) wrong.push(`turn ${turn.id} of session ${turn.session_id}: ${sent} closing answers sent`);
  }
  const turnsOfGone = rows.turns.filter((turn) => gone.has(turn.session_id)).length;
  for (const session of sessions) {
    if (gone.has(session.id)) continue;
    const turns = rows.turns.filter((turn) => turn.session_id === session.id).length;
    const shown = session.activities.filter(isClosing).length;
    if (shown !== turns) wrong.push(`${session.issue}: ${turns} turns, ${shown} closing answers in Linear`);
  }
  const shown = sessions
    .filter((session) => !gone.has(session.id))
    .reduce((sum, session) => sum + session.activities.filter(isClosing).length, 0);
  return check('closing answers (one a turn)', String(rows.turns.length - turnsOfGone), String(shown), wrong);
}

/** Every message of a person is in a turn that was answered, and was read by an agent unless the plan was stopped. */
function answered(situation: Situation): Check {
  const { evidence } = situation;
  const { rows } = evidence;
  const gone = goneSessions(situation);
  const sessions = evidence.sessions.filter(({ id }) => !gone.has(id));
  const wrong: string[] = [];
  const closed = new Set(rows.turns.filter((turn) => turn.state === 'closed').map((turn) => turn.id));
  for (const session of sessions) {
    const messages = rows.messages.filter((message) => message.session_id === session.id);
    const arrived = rows.arrived.find((row) => row.session_id === session.id)?.count ?? 0;
    if (arrived !== session.prompts) {
      const tries = evidence.deliveries.filter((each) => each.session === session.id);
      const told = tries.map((each) => `${each.at.slice(17, 23)} ${each.action} ${each.attempt} ${each.error ?? each.status}`);
      wrong.push(`${session.issue}: ${session.prompts} messages were said, ${arrived} arrived; tries: ${told.join(', ')}`);
    }
    for (const message of messages) if (!closed.has(message.turn_id)) wrong.push(`${session.issue}: message ${message.seq} is unanswered`);
  }
  for (const row of rows.undelivered) wrong.push(`plan ${row.plan_id}: message ${row.n} was read by no agent`);
  return check(
    'messages answered',
    String(sessions.reduce((sum, each) => sum + each.prompts, 0)),
    String(rows.arrived.filter((row) => !gone.has(row.session_id)).reduce((sum, row) => sum + row.count, 0)),
    wrong,
  );
}

/** Nobody reads the same thing twice: the same words as closing answer or as thought of one session. */
function duplicates({ evidence }: Situation): Check {
  const wrong: string[] = [];
  // Two messages may each be told that they are kept: the same words, but of two messages.
  const ofMessages = new Set(evidence.rows.writes.filter((row) => row.key.includes(':message:')).map((row) => row.id));
  for (const session of evidence.sessions) {
    const seen = new Set<string>();
    let previous = '';
    for (const activity of session.activities.filter((each) => each.byAgent && !each.ephemeral)) {
      const words = `${activity.type} ${activity.body ?? ''}`;
      if (isClosing(activity) ? seen.has(words) : activity.body !== null && words === previous && !ofMessages.has(activity.id))
        wrong.push(`${session.issue}: twice "${words.slice(0, 120).replaceAll('\n', ' ')}"`);
      seen.add(words);
      previous = words;
    }
  }
  return none('activities twice (same words)', wrong);
}

/** Every activity of ours in Linear is one row here and the other way round. */
function sentOnce(situation: Situation): Check {
  const { evidence } = situation;
  const gone = goneSessions(situation);
  const wrong: string[] = [];
  const sent = new Map(
    evidence.rows.writes.filter((row) => row.state === 'sent' && !gone.has(row.session_id)).map((row) => [row.id, row.key]),
  );
  // One whose answer was lost may have arrived before a stop cancelled it.
  const maybe = new Set(evidence.rows.writes.filter((row) => row.state === 'cancelled' && row.attempts > 0).map((row) => row.id));
  const shown = evidence.sessions
    .filter(({ id }) => !gone.has(id))
    .flatMap((session) => session.activities.filter((activity) => activity.byAgent));
  for (const activity of shown)
    if (!sent.delete(activity.id) && !maybe.has(activity.id))
      wrong.push(`in Linear without a sent write: ${activity.id} ${activity.body ?? ''}`);
  for (const [id, key] of sent) wrong.push(`sent, but not in Linear: ${id} ${key}`);
  return none('activities without their write, or the other way round', wrong);
}

function failures({ evidence, assigned }: Situation): Check {
  const wrong = assigned
    .filter(({ ending }) => ending !== 'gone')
    .flatMap((issue) =>
      evidence.rows.plans
        .filter((plan) => plan.issue_id === issue.id && plan.state === 'failed')
        .map((plan) => `${issue.identifier}: ${plan.failure?.message ?? 'failed'}`),
    );
  return none('plans failed', wrong);
}

const ofOutages = ['no_first_activity', 'webhook_timeout'];

/** What Linear holds against an agent, but for what an absent service cannot help. */
function violations({ evidence, gaps, assigned }: Situation): Check {
  const excused = (at: number): boolean => gaps.some((gap) => at >= gap.from && at <= gap.to + 11_000);
  // An issue that was given again is worked on; its first session may be one that was told of after it had been taken away.
  const givenAgain = new Set(assigned.filter(({ planned }) => planned.action?.kind === 're-assign').map(({ session }) => session));
  const held = evidence.violations.filter(
    (each) => (!ofOutages.includes(each.kind) || !excused(Date.parse(each.at))) && !givenAgain.has(each.session ?? ''),
  );
  return none(
    `violations of Linear's rules (${evidence.violations.length - held.length} more while killed, or given again)`,
    held.map((each) => `${each.kind} at ${each.at}, session ${each.session}: ${JSON.stringify(each.detail ?? {})}`),
  );
}

/** An issue that was done is in review, with its pull request attached once. */
function issueStates({ evidence, assigned }: Situation): Check {
  const wrong: string[] = [];
  const done = assigned.filter((issue) => issue.ending === 'done');
  for (const issue of done) {
    const now = evidence.issues.find((each) => each.id === issue.id);
    if (now?.state !== 'In Review') wrong.push(`${issue.identifier} is ${now?.state}`);
    else if (now.attachments.length !== 1) wrong.push(`${issue.identifier} has ${now.attachments.length} attachments`);
  }
  return check('issues in review, PR attached', String(done.length), String(done.length - wrong.length), wrong);
}

/** The times at which the service may be late through no fault of its own. */
export function gapsOf(kills: readonly Killed[], startedAtEpoch: number): { from: number; to: number }[] {
  return kills.map((kill) => {
    const from = startedAtEpoch + kill.atMs;
    return { from, to: from + 3_500 + (typeof kill.recoveryMs === 'number' ? kill.recoveryMs : 60_000) };
  });
}
