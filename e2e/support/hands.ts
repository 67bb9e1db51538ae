/** An agent without a model: it runs what the issue says between `[[run` and `]]` in its checkout, and is done. */
export const hands: { readonly command: string; readonly args: readonly string[] } = {
  command: process.execPath,
  args: [
    '-e',
    `let text = '';
process.stdin.on('data', (chunk) => {
  text += chunk;
  if (!text.includes('\\n')) return;
  const { request } = JSON.parse(text.slice(0, text.indexOf('\\n')));
  text = '';
  const command = /\\[\\[run ([\\s\\S]*?)\\]\\]/.exec(request.prompt)?.[1] ?? 'exit 9';
  const { status, stdout, stderr } = require('node:child_process').spawnSync('/bin/sh', ['-c', command], { cwd: request.workingDirectory, encoding: 'utf8', env: { ...process.env, PATH: '/usr/local/bin:/usr/bin:/bin' } });
  const state = status === 0 ? 'succeeded' : 'failed';
  process.stdout.write(JSON.stringify({ type: 'complete', result: { state, output: 'Ran it: ' + stdout + stderr } }) + '\\n', () => process.exit(0));
});`,
  ],
};
