import { branchIn, pushWork } from './git-work.ts';
import type { Step } from './script.ts';
import type { LogEntry, Run } from './world.ts';

/** What a run can do to the world around it. */
export interface Stage {
  readonly now: () => number;
  /** Waits by the service's clock. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Resolves once `POST /control/go` has named it. */
  readonly gone: (name: string, signal: AbortSignal) => Promise<void>;
  readonly isStuck: () => boolean;
  readonly nextId: () => number;
  /** Where pull requests are opened; absent: they are only told of. */
  readonly github: { readonly apiUrl: string; readonly token: string } | undefined;
}

export function addLog(run: Run, stage: Pick<Stage, 'now'>, entry: Partial<LogEntry>): void {
  run.log.push({
    created_at: new Date(stage.now()).toISOString(),
    tool_name: null,
    message_type: 'ACTION',
    thought: null,
    observation: null,
    tool_input: null,
    tool_output: null,
    ...entry,
    agent_run_id: run.id,
  });
}

/** Plays the run's steps to their end; what breaks is the run's error. A stop ends it where it is. */
export async function play(run: Run, stage: Stage): Promise<void> {
  const { signal } = run.stop;
  let files: Record<string, string> = {};
  run.status = 'ACTIVE';
  try {
    for (const step of run.steps) {
      signal.throwIfAborted();
      if ('write' in step) files = { ...files, ...step.write };
      else if (await act(run, step, stage, files)) return;
    }
    finish(run, stage, 'COMPLETE', `Run ${run.id} is done.`);
  } catch (error) {
    if (signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    addLog(run, stage, { message_type: 'ERROR', observation: message });
    finish(run, stage, 'ERROR', message);
  }
}

function finish(run: Run, stage: Stage, status: string, result: string, summary?: string): void {
  if (stage.isStuck()) return;
  addLog(run, stage, { message_type: 'FINAL_ANSWER', observation: result });
  run.result = result;
  run.summary = summary ?? null;
  run.status = status;
}

/** True: the run has ended or pauses. */
async function act(run: Run, step: Exclude<Step, { write: unknown }>, stage: Stage, files: Record<string, string>): Promise<boolean> {
  const { signal } = run.stop;
  if ('think' in step) addLog(run, stage, { thought: step.think });
  else if ('tool' in step) addLog(run, stage, { tool_name: step.tool, tool_input: step.input ?? {}, tool_output: step.output ?? {} });
  else if ('error' in step) addLog(run, stage, { message_type: 'ERROR', observation: step.error });
  else if ('entry' in step) addLog(run, stage, step.entry);
  else if ('waitMs' in step) await stage.wait(step.waitMs, signal);
  else if ('until' in step) await stage.gone(step.until, signal);
  else if ('status' in step) run.status = step.status;
  else if ('push' in step) await push(run, step.push === true ? {} : step.push, files);
  else if ('pullRequest' in step) await openPullRequest(run, step.pullRequest === true ? {} : step.pullRequest, stage);
  else if ('ask' in step) {
    addLog(run, stage, { message_type: 'FINAL_ANSWER', observation: step.ask });
    run.result = step.ask;
    run.status = 'PAUSED';
    return true;
  } else {
    finish(run, stage, step.end, step.result ?? '', step.summary);
    return true;
  }
  return false;
}

async function push(
  run: Run,
  wanted: { readonly branch?: string; readonly message?: string },
  files: Record<string, string>,
): Promise<void> {
  const remote = run.repository?.remote;
  const branch = wanted.branch ?? branchIn(run.prompts, 'Push') ?? `codegen-bot/run-${run.id}`;
  if (remote !== undefined)
    await pushWork({
      remote,
      startBranch: branchIn(run.prompts, 'Start'),
      branch,
      files,
      message: wanted.message ?? `Work of run ${run.id}`,
      signal: run.stop.signal,
    });
  run.branch = branch;
}

async function openPullRequest(run: Run, wanted: { readonly title?: string; readonly base?: string }, stage: Stage): Promise<void> {
  const { github } = stage;
  const head = run.branch;
  if (head === null) throw new Error('nothing was pushed that a pull request could be opened of');
  const title = wanted.title ?? `Run ${run.id}`;
  const id = stage.nextId();
  let url = `https://github.com/${run.repository?.fullName ?? 'none/none'}/pull/${id}`;
  if (github && run.repository) {
    const base = wanted.base ?? branchIn(run.prompts, 'Base') ?? 'main';
    const response = await fetch(`${github.apiUrl}/repos/${run.repository.fullName}/pulls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${github.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ title, head, base, body: `Opened by run ${run.id}.` }),
      signal: run.stop.signal,
    });
    const told = (await response.json()) as { readonly html_url?: string; readonly message?: string };
    if (!response.ok || told.html_url === undefined) throw new Error(`no pull request: ${response.status} ${told.message ?? ''}`);
    url = told.html_url;
  }
  const at = stage.now();
  run.pullRequests.push({ id, title, url, created_at: new Date(at).toISOString(), head_branch_name: head, openedAt: at });
  addLog(run, stage, { message_type: 'INITIAL_PR_GENERATION', observation: url });
}
