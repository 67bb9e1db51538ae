import type { Program } from '../../e2e/support/program.ts';
import { until } from '../../e2e/support/until.ts';

/** Variables of a Node program whose garbage can be collected from outside. */
export const inspected: Readonly<Record<string, string>> = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** Has a program, started with `inspected`, collect its garbage; what it holds after that it needs. */
export async function collectGarbage(program: Program): Promise<void> {
  const url = await until('the address of the inspector', () => /ws:\/\/[\w.:/-]+/.exec(program.stderr())?.[0]);
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)), { once: true });
  });
  for (let id = 1; id <= 3; id++) {
    const answered = new Promise<void>((resolve) => {
      const onMessage = (message: MessageEvent): void => {
        if ((JSON.parse(String(message.data)) as { id?: number }).id !== id) return;
        socket.removeEventListener('message', onMessage);
        resolve();
      };
      socket.addEventListener('message', onMessage);
    });
    socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await answered;
  }
  socket.close();
}
