import { dirname, resolve } from 'node:path';
import { askTool } from './ask-tool.ts';
import { refuseBash } from './bash-policy.ts';
import { pathPattern } from './path-pattern.ts';
import { refuseWriting } from './read-only-bash.ts';
import { editingTools, parseToolRule, readingTools, speaksOf, type ToolRule } from './tool-rule.ts';

export interface ToolPolicyOptions {
  /** Absent: every tool. Present: these only. Presets `readOnly`, `safe` and `all` may stand for lists. */
  readonly allowedTools?: readonly string[] | undefined;
  readonly disallowedTools?: readonly string[] | undefined;
  /** Only tools that change nothing, and commands that only read. */
  readonly readOnly?: boolean;
  /** The only files that editing tools and redirections may change. */
  readonly editable?: readonly string[] | undefined;
  /** What relative patterns and paths start from. */
  readonly workingDirectory: string;
  readonly home: string;
  /** Directories the agent's harness writes for the agent to read; readable by whoever may read at all. */
  readonly ownDirectories?: readonly string[];
  /** The path with every symbolic link followed, dangling ones too (`real-path.ts`); parts that do not exist stay as written. */
  readonly realPath: (path: string) => string;
}

export interface ToolQuestion {
  readonly tool: string;
  readonly input: unknown;
  /** Where the agent's shell stands now. */
  readonly cwd?: string;
}

export type ToolVerdict = { readonly allowed: true } | { readonly allowed: false; readonly why: string };

export interface ToolPolicy {
  decide(question: ToolQuestion): ToolVerdict;
  /** Tool names that are refused whatever their input. */
  readonly neverAllowed: readonly string[];
  /** The built-in tools worth offering; undefined: all of them. */
  readonly offered: readonly string[] | undefined;
}

const readOnly = ['Read(**)', 'WebFetch', 'WebSearch', 'TodoRead', 'TodoWrite', 'Task'];
const presets: Readonly<Record<string, readonly string[] | undefined>> = {
  readOnly,
  safe: [...readOnly, 'Edit(**)'],
};

/** Tools without an effect of their own: how other tools are found, how a structured answer is given, how a question ends the run. */
const inert = ['ToolSearch', 'StructuredOutput', 'DeferredToolPlaceholder', askTool];
/** Tools that wait for a plan's approval, schedule later work or leave the working directory: an unattended run has none of them. */
export const neverOffered: readonly string[] = [
  'EnterPlanMode',
  'ExitPlanMode',
  'EnterWorktree',
  'ExitWorktree',
  'CronCreate',
  'CronDelete',
  'CronList',
  'ScheduleWakeup',
  'RemoteTrigger',
  'PushNotification',
  'Workflow',
];

/** Holds an agent to its tools. Deny wins; with an allow list, whatever it does not cover is refused. Pure but for `realPath`. */
export function toolPolicy(options: ToolPolicyOptions): ToolPolicy {
  const expand = (list: readonly string[]): ToolRule[] => list.flatMap((entry) => presets[entry.trim()] ?? [entry]).map(parseToolRule);
  const unlimited = options.allowedTools === undefined || options.allowedTools.some((entry) => ['all', '*'].includes(entry.trim()));
  const allow = unlimited ? undefined : expand(options.allowedTools ?? []);
  const deny = expand(options.disallowedTools ?? []);
  const editable = options.editable?.map((pattern): ToolRule => ({ text: pattern, tool: 'Edit', specifier: pattern }));
  const root = options.realPath(options.workingDirectory);

  const patterns = new Map<ToolRule, ((path: string) => boolean)[]>();
  const test = (rule: ToolRule, path: string, isDeny: boolean): boolean => {
    if (rule.specifier === undefined) return true;
    let tests = patterns.get(rule);
    if (!tests) {
      tests = [root, options.workingDirectory].map((base) => pathPattern(rule.specifier ?? '', base, options.home));
      // A single leading slash means the working directory; someone who meant the file system's root is protected too.
      if (isDeny && /^\/[^/]/.test(rule.specifier)) tests.push(pathPattern(`/${rule.specifier}`, root, options.home));
      patterns.set(rule, tests);
    }
    return tests.some((matches) => matches(path));
  };

  /** Every name a path has: as written, and with links followed. Both must be allowed; either may be denied. */
  function namesOf(path: string, cwd: string): { written: string; real: string } {
    const home = path === '~' || path.startsWith('~/') ? options.home + path.slice(1) : path;
    const written = resolve(cwd, home);
    return { written, real: options.realPath(written) };
  }

  function refusePath(tool: string, path: string, cwd: string, isSearch = false): string | undefined {
    const { written, real } = namesOf(path, cwd);
    const denied = deny.find((rule) => speaksOf(rule, tool) && (test(rule, written, true) || test(rule, real, true)));
    if (denied) return `denied by ${denied.text}`;
    if (isSearch) {
      const inside = deny.find((rule) => speaksOf(rule, tool) && rule.specifier !== undefined);
      if (inside && mayLieBelow(inside.specifier ?? '', real, root, options.home))
        return `the search may reach what ${inside.text} denies; search a narrower directory`;
    }
    if (
      editable &&
      editingTools.includes(tool) &&
      !(editable.some((rule) => test(rule, written, false)) && editable.some((rule) => test(rule, real, false)))
    )
      return `only ${options.editable?.join(', ')} may be changed here`;
    if (!allow) return undefined;
    if (
      readingTools.includes(tool) &&
      allow.some((rule) => speaksOf(rule, tool)) &&
      (options.ownDirectories ?? []).some((own) => isBelow(real, own))
    )
      return undefined;
    // A search is allowed where everything below its root is: a name that no pattern can know stands for it.
    const probe = isSearch ? `${real}/\u0001/\u0001` : real;
    if (allow.some((rule) => speaksOf(rule, tool) && test(rule, probe, false))) return undefined;
    return `${tool} of ${path} is not among ${listed(allow, tool)}`;
  }

  function refuse({ tool, input, cwd = root }: ToolQuestion): string | undefined {
    const whole = deny.find((rule) => rule.specifier === undefined && speaksOf(rule, tool));
    if (whole) return `denied by ${whole.text}`;
    if (neverOffered.includes(tool)) return 'nobody is there to answer or wait for it';
    if (inert.includes(tool)) return undefined;
    if (options.readOnly && !mayRead(tool)) return `${tool} may change something, and nothing is to be changed here`;
    const fields = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
    if (tool === 'Bash' || tool === 'Monitor') {
      const bash = (rules: readonly ToolRule[]): ToolRule[] => rules.filter((rule) => rule.tool === 'Bash');
      const allowBash = allow && bash(allow);
      if (allowBash?.length === 0) return `Bash is not among ${listed(allow ?? [], tool)}`;
      if (typeof fields['command'] !== 'string') return 'it has no command';
      const writes = options.readOnly ? refuseWriting(fields['command'], root) : undefined;
      if (writes !== undefined) return `${writes}; nothing is to be changed here`;
      const moves = /(?:^|[\s;&|(])(?:cd|pushd|popd)\b/.test(fields['command']);
      return refuseBash({
        command: fields['command'],
        allow: allowBash,
        deny: bash(deny),
        path: (kind, path) => {
          if (kind === 'enter') return isBelow(namesOf(path, cwd).real, root) ? undefined : `it leaves the working directory for ${path}`;
          if (moves && !path.startsWith('/')) return `it changes the directory before it redirects to ${path}`;
          return refusePath(kind === 'write' ? 'Write' : 'Read', path, cwd);
        },
      });
    }
    if (readingTools.includes(tool) || editingTools.includes(tool)) {
      const isSearch = tool === 'Glob' || tool === 'Grep' || tool === 'LS';
      const path = fields['file_path'] ?? fields['notebook_path'] ?? fields['path'] ?? (isSearch ? '.' : undefined);
      if (typeof path !== 'string') return 'it has no path';
      const pattern = tool === 'Glob' && typeof fields['pattern'] === 'string' ? fields['pattern'] : '';
      if (/(?:^|\/)\.\.(?:\/|$)/.test(pattern) || /[{,]\s*\//.test(pattern)) return 'its pattern leaves the directory it searches';
      return refusePath(tool, pattern.startsWith('/') ? dirname(pattern.replace(/[*?[{].*$/, 'x')) : path, cwd, isSearch);
    }
    if (tool === 'WebFetch') {
      const host = hostOf(fields['url']);
      const matches = (rule: ToolRule): boolean =>
        speaksOf(rule, tool) && (rule.specifier === undefined || matchesDomain(rule.specifier, host));
      const denied = deny.find(matches);
      if (denied) return `denied by ${denied.text}`;
      return allow && !allow.some(matches) ? `${tool} of ${host ?? 'this'} is not among ${listed(allow, tool)}` : undefined;
    }
    // What a rule with a specifier means for another tool is unknown: it denies the tool, and does not allow it.
    const denied = deny.find((rule) => speaksOf(rule, tool) && rule.tool !== 'Bash');
    if (denied) return `denied by ${denied.text}`;
    const allowed = !allow || allow.some((rule) => speaksOf(rule, tool) && (rule.specifier === undefined || rule.tool === 'Bash'));
    return allowed ? undefined : `${tool} is not among ${listed(allow ?? [], tool)}`;
  }

  return {
    decide(question) {
      const why = refuse(question);
      return why === undefined ? { allowed: true } : { allowed: false, why };
    },
    neverAllowed: [
      ...neverOffered,
      ...(options.readOnly ? [...editingTools, 'Monitor'] : []),
      ...deny.filter((rule) => rule.specifier === undefined).flatMap(wholeTools),
    ],
    offered: allow && [...new Set([...allow.flatMap(offeredBy), askTool])],
  };
}

/** Tools that have no way to change a file. What is not known may have one. Servers of the user's own are held by the tool lists. */
const reading: ReadonlySet<string> = new Set([
  ...[...readingTools, 'Bash', 'BashOutput', 'KillShell', 'Task', 'Agent', 'TaskOutput', 'TaskStop', 'TaskCreate', 'TaskGet', 'TaskList'],
  ...['TaskUpdate', 'TodoRead', 'TodoWrite', 'WebFetch', 'WebSearch', 'ListAgents', 'ReportFindings', 'ListMcpResourcesTool'],
  ...['ReadMcpResourceTool', 'ReadMcpResourceDirTool', 'WaitForMcpServers', 'SendMessage', 'SubagentHandback'],
]);
const mayRead = (tool: string): boolean => reading.has(tool) || tool.startsWith('mcp__');

/** The tools a rule without specifier takes away or a rule of any form makes worth offering. */
function offeredBy(rule: ToolRule): string[] {
  if (rule.tool === 'Read') return ['Read', 'Glob', 'Grep'];
  if (rule.tool === 'Edit') return ['Edit', 'Write', 'NotebookEdit'];
  if (rule.tool.startsWith('mcp__')) return ['ToolSearch'];
  return rule.tool === 'Agent' ? ['Task', 'Agent'] : [rule.tool];
}

function wholeTools(rule: ToolRule): string[] {
  if (rule.tool === 'Agent') return ['Task', 'Agent'];
  if (rule.tool === 'Read') return [...readingTools];
  return rule.tool === 'Edit' ? [...editingTools] : [rule.tool];
}

function listed(rules: readonly ToolRule[], tool: string): string {
  const about = rules.filter((rule) => speaksOf(rule, tool));
  return `the allowed tools (${(about.length > 0 ? about : rules).map((rule) => rule.text).join(', ')})`;
}

const isBelow = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);

/** Whether something that `pattern` matches could lie below `directory`: yes unless its literal beginning leads elsewhere. */
function mayLieBelow(pattern: string, directory: string, root: string, home: string): boolean {
  if (!pattern.replace(/\/$/, '').includes('/')) return true;
  const literal = pattern.slice(0, pattern.search(/[*?[{]|$/));
  const absolute = pattern.startsWith('//')
    ? literal.slice(1)
    : pattern.startsWith('~/')
      ? home + literal.slice(1)
      : resolve(root, literal.replace(/^\/+/, ''));
  const base = absolute.replace(/(.)\/$/, '$1');
  return isBelow(base, directory) || isBelow(directory, base);
}

function hostOf(url: unknown): string | undefined {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).hostname : undefined;
}

function matchesDomain(specifier: string, host: string | undefined): boolean {
  const domain = specifier.replace(/^domain:/, '');
  if (!host) return false;
  return domain.startsWith('*.') ? host.endsWith(domain.slice(1)) : host === domain || host.endsWith(`.${domain}`);
}
