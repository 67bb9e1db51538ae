import { exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { Finding } from '../doctor/finding.ts';
import { findings } from '../doctor/findings.ts';
import { plain } from '../terminal.ts';

const marks: Readonly<Record<Finding['state'], string>> = { ok: '✓', warning: '!', error: '✗' };

/** `cyrus doctor`: looks at what has to be right, and says of each thing that is not why it matters and what to do. Exits 1 on an error. */
export async function doctor(context: CommandContext, options: { readonly json?: boolean }): Promise<void> {
  const { terminal } = context;
  const all: Finding[] = [];
  for await (const finding of findings(context)) {
    all.push(finding);
    if (options.json) continue;
    const colour = finding.state === 'ok' ? 'green' : finding.state === 'warning' ? 'yellow' : 'red';
    terminal.out(`${terminal.style(colour, marks[finding.state])} ${finding.name}: ${plain(finding.detail)}`);
    if (finding.why) terminal.out(`    why: ${finding.why}`);
    if (finding.fix) terminal.out(`    fix: ${plain(finding.fix)}`);
  }
  const errors = all.filter(({ state }) => state === 'error').length;
  const warnings = all.filter(({ state }) => state === 'warning').length;
  if (options.json) terminal.out(JSON.stringify({ ok: errors === 0, findings: all }));
  else terminal.out(errors === 0 ? `Ready${warnings > 0 ? `, with ${warnings} to look at` : ''}.` : `${errors} to mend.`);
  if (errors > 0) process.exitCode = exitCode.failed;
}
