import { systemClock } from 'cyrus-core/clock';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import type { ExecutorHarness, Scenario } from 'cyrus-executor-interface/conformance';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import { type ModelStandIn, startModel } from 'cyrus-stand-in-model/server';
import { type ClaudeExecutorOptions, createClaudeExecutor } from '../src/claude-executor.ts';
import { findTranscript, readTranscript } from '../src/conversation-record.ts';
import { processesOf } from './processes.ts';

export interface ClaudeHarness extends ExecutorHarness {
  readonly model: ModelStandIn;
  executorWith(options: Partial<ClaudeExecutorOptions>): TaskExecutor;
}

/** A prompt that carries the steps its scripted model plays. */
export const scripted = (steps: readonly object[], words = 'Do the work.'): string => `${words}\nSCRIPT:${JSON.stringify(steps)}`;

/** A command that ends once `file` is there. (The agent refuses a plain `sleep`.) */
export const untilFile = (file: string): string =>
  `node -e "const t=setInterval(()=>require('fs').existsSync('${file}')&&clearInterval(t),20)"`;

/** The input of Claude Code's ask tool for one question. */
export const asking = (one: { readonly question: string; readonly options: readonly string[] }): object => ({
  questions: [
    {
      question: one.question,
      header: 'Choice',
      multiSelect: false,
      options: one.options.map((label) => ({ label, description: '' })),
    },
  ],
});

function stepsOf(scenario: Scenario): object[] {
  if (scenario.kind === 'answer') return [{ text: scenario.text }];
  if (scenario.kind === 'endless-thought') return [{ delay: 600_000, text: 'never' }];
  if (scenario.kind === 'question') return [{ tool: 'AskUserQuestion', input: asking(scenario) }, { text: scenario.text }];
  return [{ tool: 'Bash', input: { command: untilFile(scenario.file) } }, { text: scenario.text }];
}

export async function claudeHarness(sandbox: Sandbox): Promise<ClaudeHarness> {
  const model = await startModel({ keepSystem: true });
  const executorWith = (options: Partial<ClaudeExecutorOptions>): TaskExecutor =>
    createClaudeExecutor({
      sandbox,
      clock: systemClock,
      apiUrl: model.url,
      apiKey: 'sk-test',
      defaultModel: 'claude-sonnet-5',
      maxRetries: 1,
      ...options,
    });
  let count = 0;
  const ofConversation = (prompt: string) =>
    model.requests().filter((request) => request.userTexts[0]?.startsWith(prompt.split('\n')[0] ?? prompt));
  return {
    model,
    executorWith,
    executor: executorWith({}),
    play: (scenario) => ({ prompt: scripted(stepsOf(scenario), `Task ${++count} of ${process.pid}.`) }),
    canAsk: true,
    processes: (ref) => processesOf(ref.runId),
    heard: async (request) =>
      model.requests().findLast((one) => one.userTexts.some((text) => text.includes(request.prompt.split('\n')[0] ?? '')))?.userTexts ?? [],
    recorded: async ({ conversation }) => {
      const path = await findTranscript(conversation.directory, conversation.id);
      return path !== undefined && (await readTranscript(path)).resumable;
    },
    billedOutputTokens: async (request) => 300 * ofConversation(request.prompt).filter((one) => one.status === 200 && !one.aborted).length,
    broken: {
      missingBinary: executorWith({ binaryPath: '/nonexistent/claude' }),
      missingLogin: createClaudeExecutor({ sandbox, clock: systemClock, apiUrl: model.url }),
      deadApi: executorWith({ apiUrl: 'http://127.0.0.1:9' }),
    },
    close: () => model.close(),
  };
}
