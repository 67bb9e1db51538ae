interface Script {
  readonly file: string;
  /** Waits for `.git/released` in its checkout before it does anything. */
  readonly wait?: boolean;
  readonly output?: string;
  /** Fails so where its prompt holds `words`. */
  readonly fails?: { readonly words: string; readonly failure: object };
}

/**
 * An agent without a model, for what is not about agents: it speaks the protocol of custom executors, says what it was told, commits
 * `file` with it, and is done.
 */
export function scriptedAgent(options: Script): {
  readonly command: string;
  readonly args: readonly string[];
} {
  return { command: process.execPath, args: ['-e', `(${program.toString()})(${JSON.stringify(options)})`] };
}

/** Runs in a process of its own: it can use nothing of this file. */
function program(options: Script): void {
  const { execFileSync } = process.getBuiltinModule('node:child_process');
  const { existsSync, writeFileSync } = process.getBuiltinModule('node:fs');
  const say = (event: object, then?: () => void): void => void process.stdout.write(`${JSON.stringify(event)}\n`, then);
  let text = '';
  let begun = false;
  process.stdin.on('data', (chunk) => {
    text += String(chunk);
    const end = text.indexOf('\n');
    if (text.includes('"type":"stop"')) process.exit(0);
    if (begun || end < 0) return;
    begun = true;
    const { request } = JSON.parse(text.slice(0, end)) as { request: { workingDirectory: string; prompt: string } };
    process.chdir(request.workingDirectory);
    say({ type: 'message', content: 'I begin.' });
    const { fails } = options;
    if (fails && request.prompt.includes(fails.words)) {
      say({ type: 'complete', result: { state: 'failed', output: '', failure: fails.failure } }, () => process.exit(0));
      return;
    }
    const look = setInterval(() => {
      if (options.wait && !existsSync('.git/released')) return;
      clearInterval(look);
      writeFileSync(options.file, request.prompt);
      say({ type: 'tool-use', tool: 'Write', input: { file: options.file } });
      execFileSync('git', ['add', '--', options.file]);
      execFileSync('git', ['commit', '-q', '-m', 'Write it down']);
      say({ type: 'complete', result: { state: 'succeeded', output: options.output ?? 'Written down.' } }, () => process.exit(0));
    }, 20);
  });
}
