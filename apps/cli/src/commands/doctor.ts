import { exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { type Finding, findings } from '../doctor/findings.ts';

const marks: Readonly<Record<Finding['state'], string>> = { ok: '✓', warning: '!', failed: '✗' };

/** `cyrus doctor`: checks what has to be right, and says for each thing that is not what to do. Exits 1 when something failed. */
export async function doctor(context: CommandContext, options: { readonly json?: boolean }): Promise<void> {
  const { terminal } = context;
  const all: Finding[] = [];
  for await (const finding of findings(context)) {
    all.push(finding);
    if (options.json) continue;
    const colour = finding.state === 'ok' ? 'green' : finding.state === 'warning' ? 'yellow' : 'red';
    terminal.out(`${terminal.style(colour, marks[finding.state])} ${finding.name}: ${finding.detail}`);
    if (finding.fix && finding.state !== 'ok') terminal.out(`    ${finding.fix}`);
  }
  const failed = all.filter((finding) => finding.state === 'failed').length;
  const warnings = all.filter((finding) => finding.state === 'warning').length;
  if (options.json) terminal.out(JSON.stringify({ ok: failed === 0, findings: all }));
  else terminal.out(failed === 0 ? `Ready${warnings > 0 ? `, with ${warnings} to look at` : ''}.` : `${failed} to mend.`);
  if (failed > 0) process.exitCode = exitCode.failed;
}
