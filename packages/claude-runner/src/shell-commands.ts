/**
 * Takes a shell command line apart into the simple commands it would run, those inside `$(…)`, backticks, subshells and process
 * substitutions included, so that a rule can be asked about each. It does not expand anything: a word whose value is only known when the shell
 * runs is marked. What it does not understand it refuses, and the caller then refuses the command. (One recursive-descent reader over one
 * string: split up, its position would have to travel; hence the length.)
 */
export interface ShellWord {
  readonly text: string;
  /** Holds an expansion, so `text` is not its value. */
  readonly dynamic: boolean;
  /** Holds an expansion of a variable or a command; a pattern of file names alone is dynamic, and is none. */
  readonly expands?: boolean;
}

export interface Redirect {
  readonly kind: 'read' | 'write';
  readonly target: ShellWord;
}

export interface SimpleCommand {
  readonly assignments: readonly string[];
  readonly words: readonly ShellWord[];
  readonly redirects: readonly Redirect[];
  readonly hereDocument: boolean;
  /** Its output becomes part of another command's words. */
  readonly substituted: boolean;
}

export type ShellReading =
  | { readonly ok: true; readonly commands: readonly SimpleCommand[] }
  | { readonly ok: false; readonly why: string };

class Unreadable extends Error {}

/** Keywords that may stand before a command, which is then read as usual. */
const leading = new Set(['!', 'time', 'if', 'then', 'elif', 'else', 'while', 'until', 'do', '{']);
const closing = new Set(['fi', 'done', '}']);
const unsupported = new Set(['case', 'esac', 'function', 'select', 'coproc', '[[', 'in']);

export function readShell(line: string): ShellReading {
  const commands: SimpleCommand[] = [];
  try {
    new Reader(line, commands, false).list(undefined);
    return { ok: true, commands };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, why: error.message };
    throw error;
  }
}

class Reader {
  private at = 0;
  private readonly pendingHereDocuments: { readonly end: string; readonly literal: boolean; readonly stripTabs: boolean }[] = [];
  private readonly line: string;
  private readonly commands: SimpleCommand[];
  private readonly substituted: boolean;

  constructor(line: string, commands: SimpleCommand[], substituted: boolean) {
    this.line = line;
    this.commands = commands;
    this.substituted = substituted;
  }

  /** Reads commands up to the unquoted character `end`, or the end of the text. */
  list(end: ')' | undefined): void {
    for (;;) {
      this.blanks();
      const char = this.line[this.at];
      if (char === undefined) {
        if (end) throw new Unreadable(`missing "${end}"`);
        if (this.pendingHereDocuments.length > 0) throw new Unreadable('a here-document without its end');
        return;
      }
      if (char === end) {
        this.at++;
        return;
      }
      if (char === '\n') {
        this.at++;
        this.hereDocuments();
      } else if (char === ';' || char === '&' || char === '|') this.at++;
      else if (char === '#') this.comment();
      else if (char === '(') {
        if (this.line[this.at + 1] === '(') throw new Unreadable('arithmetic commands');
        this.at++;
        this.list(')');
      } else if (char === ')') throw new Unreadable('an unexpected ")"');
      else this.simpleCommand();
    }
  }

  private simpleCommand(): void {
    const assignments: string[] = [];
    const words: ShellWord[] = [];
    const redirects: Redirect[] = [];
    let hereDocument = false;
    for (;;) {
      this.blanks();
      const char = this.line[this.at];
      if (char === undefined || '\n;|)'.includes(char) || (char === '&' && this.line[this.at + 1] !== '>')) break;
      if (char === '(') throw new Unreadable('a function or an array');
      if (char === '#') {
        this.comment();
        break;
      }
      const redirect = /^(?:\d*|&)(<<-|<<<|<<|<>|<&|<|>>|>\||>&|>)/.exec(this.line.slice(this.at));
      if (redirect && !this.isProcessSubstitution()) {
        this.at += redirect[0].length;
        hereDocument = this.redirect(redirect[1] ?? '', redirects) || hereDocument;
        continue;
      }
      const word = this.word();
      if (words.length === 0) {
        if (unsupported.has(word.text)) throw new Unreadable(`the keyword "${word.text}"`);
        if (leading.has(word.text) || closing.has(word.text)) continue;
        if (word.text === 'for') {
          this.forHeader();
          return;
        }
        if (/^[A-Za-z_]\w*\+?=/.test(word.text)) {
          assignments.push(word.text);
          continue;
        }
      }
      words.push(word);
    }
    if (words.length > 0 || assignments.length > 0 || redirects.length > 0) {
      this.commands.push({ assignments, words, redirects, hereDocument, substituted: this.substituted });
    }
  }

  /**
   * `for name in words`: runs nothing of its own; expansions among its words are read for what they run. A name that programs look at, such as
   * `PATH`, is an assignment.
   */
  private forHeader(): void {
    this.blanks();
    const name = this.word();
    if (name.dynamic || !/^[a-z_][a-z0-9_]*$/.test(name.text) || ['path', 'fpath', 'cdpath'].includes(name.text)) {
      this.commands.push({ assignments: [`${name.text}=`], words: [], redirects: [], hereDocument: false, substituted: this.substituted });
    }
    for (;;) {
      this.blanks();
      const char = this.line[this.at];
      if (char === undefined || char === '\n' || char === ';') return;
      if ('()&|<>'.includes(char)) throw new Unreadable('a "for" of this form');
      this.word();
    }
  }

  private redirect(operator: string, redirects: Redirect[]): boolean {
    this.blanks();
    if (operator === '<<' || operator === '<<-') {
      const literal = /^[\\'"]/.test(this.line.slice(this.at));
      this.pendingHereDocuments.push({ end: this.word().text, literal, stripTabs: operator === '<<-' });
      return true;
    }
    const target = this.word();
    if (operator === '<<<') return false;
    if ((operator === '>&' || operator === '<&') && /^(?:\d+|-)$/.test(target.text)) return false;
    redirects.push({ kind: operator === '<' ? 'read' : 'write', target });
    return false;
  }

  private hereDocuments(): void {
    for (const { end, literal, stripTabs } of this.pendingHereDocuments.splice(0)) {
      for (;;) {
        if (this.at >= this.line.length) throw new Unreadable('a here-document without its end');
        const stop = this.line.indexOf('\n', this.at);
        const text = this.line.slice(this.at, stop < 0 ? this.line.length : stop);
        this.at = stop < 0 ? this.line.length : stop + 1;
        if ((stripTabs ? text.replace(/^\t+/, '') : text) === end) break;
        if (!literal && /`|\$\(/.test(text)) throw new Unreadable('a command inside a here-document');
      }
    }
  }

  private isProcessSubstitution(): boolean {
    return /^[<>]\(/.test(this.line.slice(this.at, this.at + 2));
  }

  private word(): ShellWord {
    let text = '';
    let dynamic = false;
    let expands = false;
    const start = this.at;
    for (;;) {
      const char = this.line[this.at];
      if (char === undefined || ' \t\n;&|()'.includes(char)) break;
      if (char === '<' || char === '>') {
        if (!this.isProcessSubstitution()) break;
        this.at += 2;
        this.nested(')');
        dynamic = true;
        expands = true;
      } else if (char === "'") text += this.until("'", this.at + 1);
      else if (char === '"') {
        const quoted = this.doubleQuoted();
        text += quoted.text;
        dynamic ||= quoted.dynamic;
        expands ||= quoted.dynamic;
      } else if (char === '\\') {
        const next = this.line[this.at + 1];
        if (next === undefined) throw new Unreadable('a trailing backslash');
        if (next !== '\n') text += next;
        this.at += 2;
      } else if (char === '$' || char === '`') {
        this.expansion();
        dynamic = true;
        expands = true;
      } else {
        if ('*?[{~'.includes(char)) dynamic ||= char !== '~' || this.at === start;
        text += char;
        this.at++;
      }
    }
    if (this.at === start) throw new Unreadable(`"${this.line[this.at] ?? 'the end'}" where a word should be`);
    return expands ? { text, dynamic, expands } : { text, dynamic };
  }

  private doubleQuoted(): ShellWord {
    let text = '';
    let dynamic = false;
    this.at++;
    for (;;) {
      const char = this.line[this.at];
      if (char === undefined) throw new Unreadable('a quote without its end');
      if (char === '"') {
        this.at++;
        return { text, dynamic };
      }
      if (char === '\\') {
        const next = this.line[this.at + 1] ?? '';
        text += '$`"\\'.includes(next) ? next : next === '\n' ? '' : `\\${next}`;
        this.at += 2;
      } else if (char === '$' || char === '`') {
        const before = this.at;
        this.expansion();
        if (this.at === before + 1) text += '$';
        else dynamic = true;
      } else {
        text += char;
        this.at++;
      }
    }
  }

  /** Reads one expansion at `$` or a backtick; the commands inside are read too. */
  private expansion(): void {
    const rest = this.line.slice(this.at, this.at + 3);
    if (rest.startsWith('`')) {
      const inner = this.until('`', this.at + 1);
      new Reader(inner.replace(/\\([`$\\])/g, '$1'), this.commands, true).list(undefined);
    } else if (rest.startsWith('$((')) throw new Unreadable('arithmetic');
    else if (rest.startsWith('$(')) {
      this.at += 2;
      this.nested(')');
    } else if (rest.startsWith('${')) {
      const inner = this.until('}', this.at + 2);
      if (/[`'"{]|\$\(/.test(inner)) throw new Unreadable('an expansion inside an expansion');
    } else if (rest.startsWith("$'") || rest.startsWith('$"')) throw new Unreadable("quoting of the form $'…'");
    else {
      const name = /^\$(?:[A-Za-z_]\w*|[0-9@*#?$!-])/.exec(this.line.slice(this.at));
      this.at += name ? name[0].length : 1;
    }
  }

  private nested(end: ')'): void {
    const inner = new Reader(this.line, this.commands, true);
    inner.at = this.at;
    inner.list(end);
    this.at = inner.at;
  }

  /** The text up to the next `end`, and moves behind it. */
  private until(end: string, from: number): string {
    const stop = this.line.indexOf(end, from);
    if (stop < 0) throw new Unreadable('a quote without its end');
    this.at = stop + 1;
    return this.line.slice(from, stop);
  }

  private blanks(): void {
    for (;;) {
      if (this.line[this.at] === '\\' && this.line[this.at + 1] === '\n') this.at += 2;
      else if (this.line[this.at] === ' ' || this.line[this.at] === '\t') this.at++;
      else return;
    }
  }

  private comment(): void {
    const stop = this.line.indexOf('\n', this.at);
    this.at = stop < 0 ? this.line.length : stop;
  }
}
