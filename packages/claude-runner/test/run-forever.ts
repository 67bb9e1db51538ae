import { systemClock } from 'cyrus-core/clock';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { createClaudeExecutor } from '../src/claude-executor.ts';
import { scripted, untilFile } from './harness.ts';

/** A service to be killed: starts one agent whose command never ends, and says so. Its argument: the options as JSON. */
const { isolation, bwrapPath, canDisableUserns, apiUrl, attemptId, conversation, workingDirectory } = JSON.parse(process.argv[2] ?? '{}');
const sandbox = createSandbox({ isolation, bwrapPath, canDisableUserns, clock: systemClock });
const executor = createClaudeExecutor({ sandbox, clock: systemClock, apiUrl, apiKey: 'sk-test', defaultModel: 'claude-sonnet-5' });
const prompt = scripted([{ tool: 'Bash', input: { command: untilFile('never') } }, { text: 'Not reached.' }]);
const ref = await executor.start({ prompt, conversation, workingDirectory, readable: [], timeoutMs: 600_000 }, { attemptId, number: 1 });
for await (const event of executor.attach(ref)) if (event.type === 'tool-use') process.stdout.write('working\n');
