import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from 'cyrus-executor-interface/conformance';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { startModel } from 'cyrus-stand-in-model/server';
import { expect, test } from 'vitest';
import { processesOf } from './processes.ts';

const program = fileURLToPath(new URL('./run-forever.ts', import.meta.url));
const found = await detectIsolation();

async function killedServiceLeaves(isolation: object): Promise<void> {
  const model = await startModel();
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-orphans-'));
  const workingDirectory = join(directory, 'work');
  await mkdir(workingDirectory);
  const attemptId = `orphans-${randomUUID()}`;
  const conversation = { id: randomUUID(), resume: false, directory: join(directory, 'conversation') };
  const options = JSON.stringify({ ...isolation, apiUrl: model.url, attemptId, conversation, workingDirectory });
  const service = spawn(process.execPath, ['--conditions=cyrus-source', program, options], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let said = '';
    service.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const runId = `${attemptId}.1`;
    await eventually('the agent works', () => said.includes('working'));
    await eventually('its command runs', async () => (await processesOf(runId)).length >= 2);
    service.kill('SIGKILL');
    await eventually('nothing of the run is left', async () => (await processesOf(runId)).length === 0);
    expect(await processesOf(runId)).toEqual([]);
  } finally {
    service.kill('SIGKILL');
    await model.close();
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

test('kill -9 of the service leaves no agent behind, without isolation', () => killedServiceLeaves({ isolation: 'none' }));

test.skipIf(found.isolation !== 'bwrap' && process.env['CYRUS_NO_SKIP'] !== '1')(
  'kill -9 of the service leaves no agent behind, with bubblewrap',
  async () => {
    expect(found.isolation).toBe('bwrap');
    await killedServiceLeaves(found);
  },
);
