import { systemClock } from 'cyrus-core/clock';
import { formatDuration } from 'cyrus-core/duration';
import type { Isolation } from 'cyrus-core/ports/sandbox';
import { megabytes } from 'cyrus-edge-worker/backup/backup';
import { createDiskRoom } from 'cyrus-edge-worker/jobs/disk-room';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { readExecutorStatus } from 'cyrus-store/queries/executor-status';
import { readOpenRuns } from 'cyrus-store/queries/runs-open';
import { readStatus, type StatusSnapshot } from 'cyrus-store/queries/status-read';
import { readStorage } from 'cyrus-store/queries/storage-read';
import type { CommandContext } from '../context.ts';
import { executorLines, executorsStatus } from '../executors-status.ts';
import { isolationOf } from '../isolation.ts';
import { moneyLines, moneyStatus } from '../money-status.ts';
import { withStore } from '../open-home.ts';
import { brief, plain } from '../terminal.ts';
import { unattendedRuns } from '../unattended-runs.ts';

/** `cyrus status`: is it running, what waits, what went wrong, what it cost today. With `--check` executors are asked. */
export async function status(
  { home, config, terminal }: CommandContext,
  options: { readonly json?: boolean; readonly check?: boolean },
): Promise<void> {
  const { snapshot, storage, money, executorRows, openRuns } = await withStore(home, config(), async ({ db }) => ({
    snapshot: await readStatus(db),
    storage: await readStorage(db),
    money: await moneyStatus(db, config()),
    executorRows: await readExecutorStatus(db),
    openRuns: await readOpenRuns(db),
  }));
  const [host] = snapshot.running ? snapshot.hosts : [];
  const { check = false } = options;
  // Finding out takes a moment: the running service has, unless executors are asked, which may start programs.
  const report = host && !check ? { isolation: host.isolation as Isolation } : await isolationOf(config());
  const sandbox = createSandbox({ ...(check ? report : { isolation: 'none' }), clock: systemClock });
  const executors = await executorsStatus(config(), executorRows, {
    ...{ isolation: report.isolation, sandbox, slots: host?.slots ?? null, check },
  });
  const unattended = unattendedRuns(openRuns, new Set(executors.map(({ id }) => id)));
  const room = createDiskRoom({ home: home.directory, config, clock: systemClock });
  const shortage = await room.shortage();
  if (options.json) {
    terminal.out(
      JSON.stringify({
        ...snapshot,
        money,
        executors,
        unattended,
        storage,
        shortage: shortage?.message ?? null,
        strategy: config().strategy,
      }),
    );
    return;
  }
  for (const line of lines(snapshot, config().strategy)) terminal.out(line);
  for (const line of moneyLines(money)) terminal.out(line);
  for (const line of executorLines(executors, terminal)) terminal.out(line);
  for (const { detail, fix } of unattended) terminal.out(`${terminal.style('red', 'Needs a look:')} ${plain(detail)}. ${plain(fix)}`);
  const largest = storage.tables.slice(0, 3).map(({ name, bytes }) => `${name} ${megabytes(bytes)}`);
  terminal.out(`Database: ${megabytes(storage.databaseBytes)} (${largest.join(', ')})`);
  if (shortage) terminal.out(`${terminal.style('red', 'No disk space:')} new work waits. ${shortage.message} ${shortage.fix}`);
}

function lines(snapshot: StatusSnapshot, strategy: string): readonly string[] {
  const out: string[] = [];
  const [host] = snapshot.hosts;
  if (snapshot.running && host) {
    const since = formatDuration(snapshot.now - host.startedAt);
    out.push(`Running since ${since} (pid ${host.pid}, version ${host.version})${host.draining ? ', draining' : ''}`);
    out.push(`Agents: ${snapshot.agentsRunning} of ${host.slots} · isolation: ${host.isolation} · strategy: ${strategy}`);
  } else out.push('Not running. Start it with: cyrus start');
  const live = ['drafting', 'proposed', 'approved', 'running', 'verifying', 'parked'].reduce(
    (sum, state) => sum + (snapshot.plans[state] ?? 0),
    0,
  );
  const ended = (['done', 'failed', 'stopped'] as const).map((state) => `${snapshot.plans[state] ?? 0} ${state}`).join(', ');
  out.push(`Plans: ${live} under way, ${ended} · open turns: ${snapshot.openTurns}`);
  for (const { identifier, body, askedAt } of snapshot.questions) {
    const asked = brief(body, 160);
    out.push(`Question in ${identifier}, for ${formatDuration(snapshot.now - askedAt)}: ${asked} (cyrus answer ${identifier} "…")`);
  }
  for (const { credential, since, message, fix } of snapshot.credentials)
    out.push(`Refused for ${formatDuration(snapshot.now - since)}, ${credential}: ${message}${fix ? `. To do: ${fix}` : ''}`);
  for (const { credential, waiting, oldestAt, trouble } of snapshot.outbound)
    out.push(
      `Waiting to be sent with ${credential}: ${waiting}, the oldest for ${formatDuration(snapshot.now - oldestAt)}${trouble ? `: ${trouble}` : ''}`,
    );
  for (const failure of snapshot.failures) out.push(`Trouble with ${failure.entity} (${failure.failures} times): ${failure.lastError}`);
  return out;
}
