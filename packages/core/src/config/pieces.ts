import { z } from 'zod';

/** What a tool rule may look like: `Read`, `Edit(src/**)`, `Bash(git:*)`, `mcp__server__tool`. */
export const toolRuleText = 'a tool, with or without a pattern: "Read", "Edit(src/**)", "Bash(git:*)", "mcp__linear"';

const text: z.ZodString = z.string().min(1, 'a text that is not empty');

export const filled: z.ZodType<string> = text;
export const toolRules: z.ZodType<string[]> = z.array(
  z.string().regex(/^(?:[A-Z][A-Za-z0-9]*(?:\([^\n]+\))?|mcp__[A-Za-z0-9_.*-]+)$/, toolRuleText),
);
export const toolSelection: z.ZodType<string[] | ToolPreset> = z.union([toolRules, z.enum(['readOnly', 'safe', 'all', 'coordinator'])]);
export const address: z.ZodType<string> = z.string().regex(/^https?:\/\/[^\s]+$/, 'an address that starts with https:// or http://');
export const milliseconds: z.ZodType<number> = z
  .number()
  .int()
  .min(1)
  .max(7 * 24 * 3_600_000);
export const dollars: z.ZodType<number> = z.number().min(0);
/** `null` says "no limit" aloud; `0` says that nothing may be spent. */
export const dollarLimit: z.ZodType<number | null> = z.union([dollars, z.null()]);
export const stringMap: z.ZodType<Record<string, string>> = z.record(z.string(), z.string());

/** Named tool sets, as other versions of Cyrus spell them. */
export type ToolPreset = 'readOnly' | 'safe' | 'all' | 'coordinator';

/** How tests of a task's work are run. */
export interface VerifyConfig {
  readonly mode: 'local' | 'ci' | 'both';
  /** Absent: detected from the base branch and shown. Empty: none. */
  readonly commands?: readonly string[];
  readonly timeoutMs?: number;
}
export const verify: z.ZodType<VerifyConfig> = z.object({
  mode: z.enum(['local', 'ci', 'both']).default('local').describe('Where the checks run: on this host, in the pull request, or both'),
  commands: z.array(text).exactOptional().describe('Check commands, run in order. Absent: detected and shown. Empty: none'),
  timeoutMs: milliseconds.exactOptional(),
});

/** Who may give Cyrus work: by user id or e-mail address. */
export interface UserAccessConfig {
  readonly allowedUsers?: readonly UserIdentifier[];
  readonly blockedUsers?: readonly UserIdentifier[];
  readonly blockBehavior?: 'silent' | 'comment';
  readonly blockMessage?: string;
}
export type UserIdentifier = string | { readonly id: string } | { readonly email: string };

const user: z.ZodType<UserIdentifier> = z.union([text, z.object({ id: text }), z.object({ email: text })]);
export const userAccess: z.ZodType<UserAccessConfig> = z.object({
  allowedUsers: z.array(user).exactOptional().describe('Only these users. Empty: nobody. Absent: everybody who is not blocked'),
  blockedUsers: z.array(user).exactOptional(),
  blockBehavior: z.enum(['silent', 'comment']).exactOptional(),
  blockMessage: z.string().exactOptional(),
});
