import { startModel } from './server.ts';

/** `main.ts [port]`: prints `{"ready":true,"url":…}` once it listens; ends on SIGTERM or SIGINT. `MODEL_API_KEYS`: accepted keys, comma-separated. `MODEL_KEEP_SYSTEM=1`: records whole system prompts. */
const keys = process.env['MODEL_API_KEYS'];
const model = await startModel({
  port: Number(process.argv[2] ?? 0),
  timeScale: Number(process.env['MODEL_TIME_SCALE'] ?? 1),
  keepSystem: process.env['MODEL_KEEP_SYSTEM'] === '1',
  ...(keys ? { apiKeys: keys.split(',') } : {}),
});
process.stdout.write(`${JSON.stringify({ ready: true, url: model.url })}\n`);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void model.close().then(() => process.exit(0)));
