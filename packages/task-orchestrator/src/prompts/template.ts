import { nearest } from 'cyrus-core/config/known-keys';

/**
 * Prompt templates: Markdown with `{{name}}`, `{{#if name}} … {{else}} … {{/if}}`, `{{#each name}} … {{this}} … {{/each}}` and
 * `{{! a remark }}`. `\{{` stands for `{{`. A line that holds nothing but a tag of these blocks leaves no line behind.
 * Strict: what is not known is a mistake, found without rendering.
 */
export type TemplateNode =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'value'; readonly name: string }
  | { readonly type: 'if'; readonly name: string; readonly body: readonly TemplateNode[]; readonly otherwise: readonly TemplateNode[] }
  | { readonly type: 'each'; readonly name: string; readonly body: readonly TemplateNode[] };

/** What a template may name. `list`: may stand in `each`. */
export type VariableNames = Readonly<Record<string, { readonly list?: boolean }>>;

export interface TemplateMistake {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

export type ParsedTemplate =
  | { readonly ok: true; readonly nodes: readonly TemplateNode[] }
  | { readonly ok: false; readonly mistakes: readonly TemplateMistake[] };

export const longestTemplate: number = 64 * 1024;

interface Open {
  readonly tag: 'if' | 'each';
  readonly name: string;
  readonly line: number;
  readonly body: TemplateNode[];
  otherwise: TemplateNode[] | undefined;
}

interface Piece {
  readonly line: number;
  /** What stands between the braces; undefined: `text` is literal. */
  readonly tag: string | undefined;
  readonly text: string;
}

const blockTag = String.raw`\{\{(?:#[^{}]*|/[^{}]*|else|![\s\S]*?)\}\}`;
const aloneOnLine = new RegExp(String.raw`(^|[\n\u0001])[ \t]*(${blockTag})[ \t]*(?:\r?\n|$)`, 'g');

function piecesOf(source: string): Piece[] {
  const pieces: Piece[] = [];
  let line = 1;
  let at = 0;
  const push = (text: string, tag?: string): void => {
    if (text !== '') pieces.push({ line, tag, text });
    line += text.split('\n').length - 1;
  };
  for (const found of source.matchAll(/\\\{\{|\{\{([\s\S]*?)\}\}/g)) {
    push(source.slice(at, found.index));
    if (found[1] === undefined) push('{{');
    else push(found[0], found[1].trim());
    at = found.index + found[0].length;
  }
  push(source.slice(at));
  return pieces;
}

/** The template without the line ends that belong to tags alone on their lines; the number of lines stays countable by `\u0001`. */
const withoutTagLines = (source: string): string => {
  let text = source;
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(aloneOnLine, (whole, start: string, tag: string) => `${start}${tag}${whole.endsWith('\n') ? '\u0001' : ''}`);
  }
  return text;
};

/** Reads a template and tells every mistake in it. */
export function parseTemplate(source: string, variables: VariableNames): ParsedTemplate {
  const mistakes: TemplateMistake[] = [];
  if (source.length > longestTemplate)
    return { ok: false, mistakes: [{ line: 1, message: `it is longer than ${longestTemplate / 1024} kB` }] };
  const root: TemplateNode[] = [];
  const open: Open[] = [];
  const into = (): TemplateNode[] => {
    const inner = open.at(-1);
    return inner ? (inner.otherwise ?? inner.body) : root;
  };
  const allowed = (): string => Object.keys(variables).join(', ');
  const known = (name: string, line: number): boolean => {
    if (name === 'this') {
      if (open.some((one) => one.tag === 'each')) return true;
      mistakes.push({ line, message: '{{this}} stands outside of {{#each …}}' });
      return false;
    }
    if (Object.hasOwn(variables, name)) return true;
    const right = nearest(name, Object.keys(variables));
    const hint = right ? ` Did you mean "${right}"?` : '';
    mistakes.push({ line, message: `unknown variable "${name}".${hint} Allowed: ${allowed()}` });
    return false;
  };
  const text = withoutTagLines(source.replaceAll('\u0001', '').replaceAll('\u0000', '').replaceAll('\r\n', '\n'));
  let removed = 0;
  for (const piece of piecesOf(text)) {
    const line = piece.line + removed;
    removed += piece.text.split('\u0001').length - 1;
    if (piece.tag === undefined) {
      const literal = piece.text.replaceAll('\u0001', '');
      if (literal.includes('{{') && literal !== '{{') mistakes.push({ line, message: 'a {{ without its }}; a plain one is written \\{{' });
      if (literal !== '') into().push({ type: 'text', text: literal });
      continue;
    }
    const [, sign = '', word = ''] = /^([#/!]?)\s*([\s\S]*)$/.exec(piece.tag) ?? [];
    if (sign === '!') continue;
    if (sign === '#') {
      const [tag = '', name = '', ...more] = word.split(/\s+/);
      if ((tag !== 'if' && tag !== 'each') || name === '' || more.length > 0) {
        mistakes.push({ line, message: `{{${piece.tag}}} is no tag. There are {{#if name}} and {{#each name}}` });
        continue;
      }
      if (known(name, line) && tag === 'each' && variables[name]?.list !== true) {
        const lists = Object.keys(variables).filter((one) => variables[one]?.list);
        mistakes.push({ line, message: `"${name}" is no list. Lists: ${lists.join(', ') || 'none here'}` });
      }
      open.push({ tag, name, line, body: [], otherwise: undefined });
    } else if (sign === '/') {
      const closing = open.pop();
      if (!closing || closing.tag !== word) {
        mistakes.push({ line, message: `{{/${word}}} closes ${closing ? `the {{#${closing.tag}}} of line ${closing.line}` : 'nothing'}` });
        continue;
      }
      const { name, body } = closing;
      into().push(closing.tag === 'if' ? { type: 'if', name, body, otherwise: closing.otherwise ?? [] } : { type: 'each', name, body });
    } else if (word === 'else') {
      const inner = open.at(-1);
      if (inner?.tag === 'if' && inner.otherwise === undefined) inner.otherwise = [];
      else mistakes.push({ line, message: '{{else}} stands outside of {{#if …}}' });
    } else if (known(word, line)) into().push({ type: 'value', name: word });
  }
  for (const left of open) mistakes.push({ line: left.line, message: `{{#${left.tag} ${left.name}}} is not closed` });
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, nodes: root };
}

export type TemplateValue = string | boolean | readonly string[];

/** How a list is written where it is named alone. */
export type ListText = (name: string, items: readonly string[]) => string;

/** The text of parsed nodes. Values are put in as they are, after empty lines were put together: their own stay. */
export function renderNodes(
  nodes: readonly TemplateNode[],
  values: Readonly<Record<string, TemplateValue | undefined>>,
  listText: ListText,
): string {
  const put: string[] = [];
  const isSet = (value: TemplateValue | undefined): boolean =>
    value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);
  const write = (name: string, item: string | undefined): string => {
    const value = name === 'this' ? item : values[name];
    if (!isSet(value)) return '';
    put.push(typeof value === 'string' ? value : value === true ? 'yes' : listText(name, value as readonly string[]));
    return `\u0000${put.length - 1}\u0000`;
  };
  const walk = (some: readonly TemplateNode[], item: string | undefined): string =>
    some
      .map((node): string => {
        if (node.type === 'text') return node.text;
        if (node.type === 'value') return write(node.name, item);
        if (node.type === 'if') return walk(isSet(node.name === 'this' ? item : values[node.name]) ? node.body : node.otherwise, item);
        return ((values[node.name] ?? []) as readonly string[]).map((one) => walk(node.body, one)).join('');
      })
      .join('');
  return (
    walk(nodes, undefined)
      .replace(/\n(?:[ \t]*\n){2,}/g, '\n\n')
      .trim()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the placeholders of values
      .replace(/\u0000(\d+)\u0000/g, (_, index: string) => put[Number(index)] ?? '')
  );
}

/** Every variable the node names, at any depth. */
export function namesIn(node: TemplateNode): readonly string[] {
  if (node.type === 'text') return [];
  if (node.type === 'value') return [node.name];
  const inner = node.type === 'if' ? [...node.body, ...node.otherwise] : node.body;
  return [node.name, ...inner.flatMap(namesIn)];
}
