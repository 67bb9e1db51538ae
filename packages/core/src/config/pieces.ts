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

/** A program the checks need beside them, such as a database: started in the same sandbox before them, ended after them. */
export interface ServiceConfig {
  readonly name: string;
  readonly command: string;
  /** When it may be used. Absent: as soon as it is started. */
  readonly ready?: {
    /** Tried until it ends with 0. */
    readonly command?: string;
    /** Tried until something listens there, on 127.0.0.1: a number, or the name of one of the checkout's own ports. */
    readonly port?: number | string;
    readonly timeoutMs?: number;
  };
  readonly env?: Readonly<Record<string, string>>;
}
const service: z.ZodType<ServiceConfig> = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'a short name of letters, digits, dots, dashes'),
  command: text.describe('Started before the checks, in their sandbox; it must stay in the foreground'),
  ready: z
    .object({
      command: text.exactOptional().describe('Tried until it ends with 0'),
      port: z
        .union([
          z.number().int().min(1).max(65_535),
          z.string().regex(/^CYRUS_PORT(?:_[1-9])?$/, 'a port number, or CYRUS_PORT, CYRUS_PORT_1 … CYRUS_PORT_9'),
        ])
        .exactOptional()
        .describe('Tried until something listens there on 127.0.0.1; CYRUS_PORT_1 names a port of the checkout'),
      timeoutMs: milliseconds.exactOptional().describe('Default: a minute'),
    })
    .exactOptional(),
  env: stringMap.exactOptional(),
});

/** How tests of a task's work are run. */
export interface VerifyConfig {
  readonly mode: 'local' | 'ci' | 'both';
  /** Absent: detected from the base branch and shown. Empty: none. */
  readonly commands?: readonly string[];
  readonly timeoutMs?: number;
  readonly ciTimeoutMs?: number;
  readonly services?: readonly ServiceConfig[];
}
export const verify: z.ZodType<VerifyConfig> = z.object({
  mode: z.enum(['local', 'ci', 'both']).default('local').describe('Where the checks run: on this host, in the pull request, or both'),
  commands: z.array(text).exactOptional().describe('Check commands, run in order. Absent: detected and shown. Empty: none'),
  timeoutMs: milliseconds.exactOptional(),
  ciTimeoutMs: milliseconds
    .exactOptional()
    .describe('With mode ci or both: how long the checks of a pull request are waited for. Default: two hours'),
  services: z.array(service).exactOptional().describe('Programs the checks need beside them, such as a database'),
});

export interface PullRequestConfig {
  readonly draft?: boolean;
}
export const pullRequest: z.ZodType<PullRequestConfig> = z.object({
  draft: z.boolean().exactOptional().describe('A draft until the checks have passed'),
});

/** Who may give Cyrus work: by user id or e-mail address. */
export interface UserAccessConfig {
  readonly allowedUsers?: readonly UserIdentifier[];
  readonly blockedUsers?: readonly UserIdentifier[];
  readonly blockBehavior?: 'silent' | 'comment';
  readonly blockMessage?: string;
  /** Lists of their own for single actions; absent: `allowedUsers` counts. */
  readonly actions?: {
    readonly trigger?: readonly UserIdentifier[];
    readonly steer?: readonly UserIdentifier[];
    readonly answer?: readonly UserIdentifier[];
    readonly stop?: readonly UserIdentifier[];
    readonly approve?: readonly UserIdentifier[];
    readonly spend?: readonly UserIdentifier[];
  };
}
export type UserIdentifier = string | { readonly id: string } | { readonly email: string };

const user: z.ZodType<UserIdentifier> = z.union([text, z.object({ id: text }), z.object({ email: text })]);
const users = (what: string): z.ZodExactOptional<z.ZodArray<typeof user>> => z.array(user).exactOptional().describe(what);
export const userAccess: z.ZodType<UserAccessConfig> = z.object({
  allowedUsers: z.array(user).exactOptional().describe('Only these users. Empty: nobody. Absent: everybody who is not blocked'),
  blockedUsers: z.array(user).exactOptional(),
  blockBehavior: z.enum(['silent', 'comment']).exactOptional(),
  blockMessage: z.string().exactOptional(),
  actions: z
    .object({
      trigger: users('Who may give work'),
      steer: users('Who may direct work under way, pause it and resume it'),
      answer: users('Who may answer questions'),
      stop: users('Who may stop work'),
      approve: users('Who may approve plans'),
      spend: users('Who may raise a budget'),
    })
    .exactOptional()
    .describe('Lists for single actions, in place of allowedUsers. "*": everybody; "automation": what no person did'),
});
