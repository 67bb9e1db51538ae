import { randomUUID } from 'node:crypto';
import type { Step } from './script.ts';
import type { Workspace } from './workspace.ts';
import { type Agent, frameId, isActive, type Run, runBody } from './world.ts';

/** What a run needs of the service it runs in. */
export interface Stage {
  /** Between two things an agent does. */
  readonly eventDelayMs: number;
  now(): number;
  /** Waits, until the run is over at most. */
  sleep(ms: number, run: Run): Promise<void>;
  /** Resolves at the next release, or when the run is over. */
  released(run: Run): Promise<void>;
  workspace(agent: Agent): Promise<Workspace>;
  /** Something of the run changed: streams look again. */
  changed(): void;
}

/** Plays the steps of a run to its end. A run that is ended from outside says nothing more. */
export async function play(stage: Stage, agent: Agent, run: Run, steps: readonly Step[]): Promise<void> {
  const tell = (event: string, data: unknown, id = frameId(stage.now())): string => {
    if (isActive(run)) run.frames.push({ id, event, data });
    stage.changed();
    return id;
  };
  const pause = (): Promise<void> => stage.sleep(stage.eventDelayMs, run);

  await pause();
  if (!isActive(run)) return;
  run.status = 'RUNNING';
  tell('interaction_update', {
    type: 'user-message-appended',
    userMessage: { type: 'user_message', session_id: run.id, text: run.prompt },
  });
  let said = '';
  for (const step of steps) {
    if (!isActive(run)) return;
    if ('say' in step) {
      said = step.say;
      // In pieces, each told in both of the ways the service has; the two share an id.
      for (const piece of said.match(/\S+\s*|\s+/g) ?? [])
        tell('assistant', { text: piece }, tell('interaction_update', { type: 'text-delta', text: piece }));
    } else if ('think' in step) tell('thinking', { text: step.think });
    else if ('tool' in step) await useTool(step);
    else if ('write' in step) await write(step);
    else if ('pullRequest' in step) agent.prUrl = await (await stage.workspace(agent)).openPullRequest(step.pullRequest);
    else if ('sleepMs' in step) await stage.sleep(step.sleepMs, run);
    else if ('wait' in step) await stage.released(run);
    else if ('forever' in step) return;
    else {
      endRun(stage, agent, run, step.end, undefined);
      return;
    }
    await pause();
  }
  if (agent.request.autoCreatePR && agent.branch !== undefined && agent.prUrl === undefined)
    agent.prUrl = await (await stage.workspace(agent)).openPullRequest(agent.request.name ?? 'Work of an agent');
  endRun(stage, agent, run, 'FINISHED', said);

  async function useTool(step: Extract<Step, { tool: string }>): Promise<void> {
    const callId = `call-${randomUUID()}`;
    const args = step.args ?? {};
    tell('tool_call', { callId, name: step.tool, status: 'running', args });
    await pause();
    tell('tool_call', { callId, name: step.tool, status: 'completed', args, result: step.result ?? { success: {} } });
  }

  async function write(step: Extract<Step, { write: unknown }>): Promise<void> {
    const callId = `call-${randomUUID()}`;
    const args = { command: 'git push', isBackground: false };
    tell('tool_call', { callId, name: 'run_terminal_cmd', status: 'running', args });
    const workspace = await stage.workspace(agent);
    await workspace.push(step.write, step.message ?? 'Work of an agent');
    tell('tool_call', { callId, name: 'run_terminal_cmd', status: 'completed', args, result: { success: { exitCode: 0, stdout: '' } } });
  }
}

/** Ends a run for good: its status, its last words and the end of its stream. */
export function endRun(
  stage: Pick<Stage, 'now' | 'changed'>,
  agent: Agent,
  run: Run,
  status: 'FINISHED' | 'ERROR' | 'CANCELLED' | 'EXPIRED',
  text: string | undefined,
): void {
  if (!isActive(run)) return;
  run.status = status;
  run.result = text;
  run.endedAt = stage.now();
  const { git, durationMs } = runBody(agent, run, undefined);
  const end = { runId: run.id, status, ...(text === undefined ? {} : { text }), durationMs, ...(git === undefined ? {} : { git }) };
  run.frames.push({ event: 'status', data: { runId: run.id, status } });
  run.frames.push({ id: frameId(stage.now()), event: 'result', data: end });
  run.frames.push({ event: 'done', data: {} });
  stage.changed();
}
