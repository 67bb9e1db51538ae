import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from 'cyrus-core/clock';
import { type CloudFault, type CloudScript, cloudExecutorConformance } from 'cyrus-executor-interface/cloud-conformance';
import type { RemoteWork, TaskExecutor } from 'cyrus-executor-interface/executor';
import type { FaultRequest } from 'cyrus-stand-in-codegen/faults';
import type { Step } from 'cyrus-stand-in-codegen/script';
import { startCodegen } from 'cyrus-stand-in-codegen/server';
import { endedStatuses } from 'cyrus-stand-in-codegen/world';
import { startGitHub } from 'cyrus-stand-in-github/server';
import { createCodegenExecutor } from '../src/codegen-executor.ts';

/** The commit of a branch in a bare repository. */
function headOf(directory: string, branch: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const args = ['-C', directory, '-c', 'safe.directory=*', 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`];
    execFile('git', args, (error, stdout) => resolve(error ? undefined : stdout.trim()));
  });
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function faultOf(fault: CloudFault): FaultRequest {
  switch (fault.kind) {
    case 'lose-create-answer':
      return { loseAnswer: { 'runs.create': 1 }, hideNewMs: fault.hiddenForMs ?? 0 };
    case 'refuse-create-unavailable':
      return { failNext: { count: 1, status: 503, operation: 'runs.create' } };
    case 'refuse-create-rate-limit':
      return { refuseCreate: { count: 1, status: 429, retryAfterSeconds: fault.retryAfterSeconds } };
    case 'hide-new-runs':
      return { hideNewMs: fault.forMs };
    case 'status-word':
      return { status: { word: fault.word } };
    case 'duplicate-events':
      return { duplicateLogs: 'twice' };
    case 'rate-limit':
      return { outage: { ms: fault.forMs, kind: 'rate_limited' } };
    case 'unavailable':
      return { outage: { ms: fault.forMs } };
    // The service never says what a run costs.
    case 'no-cost':
    case 'late-cost':
      return {};
  }
}

cloudExecutorConformance('Codegen', async () => {
  const github = await startGitHub();
  const { directory, cloneUrl } = await github.createRepository({ owner: 'acme', name: 'app' });
  const codegen = await startCodegen({
    gitRoot: github.url.replace('http://', `http://any:${github.token}@`),
    github: { apiUrl: github.apiUrl, token: github.token },
    limitFactor: 0,
  });
  const gates: string[] = [];
  const gate = (): string => {
    const name = `gate-${gates.length}`;
    gates.push(name);
    return name;
  };
  const stepsOf = (script: CloudScript): readonly Step[] => {
    switch (script.kind) {
      case 'answer':
        return [{ end: 'COMPLETE', result: script.text }];
      case 'steps': {
        const some = (part: string): Step[] =>
          Array.from({ length: script.steps }, (_, index): Step[] => [
            { think: `Step ${index} of the ${part} part.` },
            { tool: 'RunCommand', input: { command: `make ${part}-${index}` }, output: { output: 'ok' } },
          ]).flat();
        return [...some('first'), { until: gate() }, ...some('second'), { end: 'COMPLETE', result: script.text }];
      }
      case 'push':
        return [
          { write: { 'work.txt': 'done\n' } },
          { push: true },
          ...(script.pullRequest ? ([{ pullRequest: true }] as const) : []),
          { end: 'COMPLETE', result: script.text },
        ];
      case 'question':
        return [{ ask: script.question }];
      case 'endless':
        return [{ until: 'never' }];
      case 'fail':
        return [{ error: 'The sandbox broke.' }, { end: 'ERROR', result: 'It did not work.' }];
      case 'expire':
        return [{ end: 'TIMEOUT', result: 'Too slow.' }];
    }
  };
  const executor = (options: { readonly apiToken?: string; readonly baseUrl?: string } = {}): TaskExecutor =>
    createCodegenExecutor({
      apiToken: codegen.token,
      orgId: codegen.organisationId,
      baseUrl: codegen.url,
      clock: systemClock,
      random: Math.random,
      pollMs: 60,
      lostAfterMs: 20_000,
      ...options,
    });
  const release = (): void => gates.forEach((name) => void codegen.go(name));
  const remote: RemoteWork = {
    repositoryUrl: cloneUrl,
    repositoryName: 'acme/app',
    startBranch: 'main',
    startSha: (await headOf(directory, 'main')) ?? '',
    baseBranch: 'main',
    pushBranch: 'cyrus/eng-1',
  };
  return {
    executor,
    play: (script) => ({ prompt: `Do it.\nCODEGEN:${JSON.stringify(stepsOf(script))}` }),
    remote,
    branchHead: (branch) => headOf(directory, branch),
    fault: (fault) => codegen.setFaults(faultOf(fault)),
    calm() {
      codegen.setFaults({ clear: true });
      release();
    },
    release,
    runs: async () =>
      codegen.runs().map(({ id, status }) => ({
        runId: String(id),
        active: status !== 'PAUSED' && !endedStatuses.includes(status ?? ''),
        billed: 0,
      })),
    canAsk: true,
    heard: async ({ runId }) => codegen.runs().find(({ id }) => String(id) === runId)?.prompts ?? [],
    broken: {
      wrongCredential: executor({ apiToken: 'wrong' }),
      unreachable: executor({ baseUrl: `http://127.0.0.1:${await closedPort()}` }),
    },
    async close() {
      await codegen.stop();
      await github.stop();
    },
  };
});
