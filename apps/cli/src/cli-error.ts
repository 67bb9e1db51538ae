/** Exit codes of every command. */
export const exitCode = { ok: 0, failed: 1, usage: 2, configuration: 78 } as const;

/** Ends a command with a message for a person: what failed and what to do; no stack. */
export class CliError extends Error {
  readonly code: number;
  readonly fix: string | undefined;
  constructor(message: string, options: { readonly code?: number; readonly fix?: string } = {}) {
    super(message);
    this.name = 'CliError';
    this.code = options.code ?? exitCode.failed;
    this.fix = options.fix;
  }
}
