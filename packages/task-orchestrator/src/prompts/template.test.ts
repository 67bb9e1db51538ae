import { describe, expect, test } from 'vitest';
import { longestTemplate, parseTemplate, renderNodes, type TemplateValue } from './template.ts';

const variables = { name: {}, title: {}, flag: {}, empty: {}, list: { list: true }, none: { list: true } };
const values: Readonly<Record<string, TemplateValue>> = {
  name: 'Ada',
  title: 'Its\n\n\n\nown {{name}} lines',
  flag: true,
  empty: '',
  list: ['a', 'b'],
  none: [],
};

function rendered(source: string): string {
  const parsed = parseTemplate(source, variables);
  if (!parsed.ok) throw new Error(parsed.mistakes.map((one) => `${one.line}: ${one.message}`).join('\n'));
  return renderNodes(parsed.nodes, values, (_, items) => items.join(','));
}
const mistakes = (source: string): string[] => {
  const parsed = parseTemplate(source, variables);
  return parsed.ok ? [] : parsed.mistakes.map((one) => `${one.line}: ${one.message}`);
};

test.each([
  ['plain text', 'Hello.', 'Hello.'],
  ['a variable', 'Hello {{name}}, {{ name }}.', 'Hello Ada, Ada.'],
  ['a value keeps its own lines and braces', 'a\n\n\n\n{{title}}', 'a\n\nIts\n\n\n\nown {{name}} lines'],
  ['an empty value leaves no gap', 'a\n\n{{empty}}\n\nb', 'a\n\nb'],
  ['if', '{{#if flag}}yes{{else}}no{{/if}} {{#if empty}}yes{{else}}no{{/if}}', 'yes no'],
  ['an empty list is not set', '{{#if none}}yes{{else}}no{{/if}}', 'no'],
  ['each', '{{#each list}}<{{this}}>{{/each}}', '<a><b>'],
  ['each over nothing', 'x{{#each none}}{{this}}{{/each}}', 'x'],
  ['a list by itself', '{{list}}', 'a,b'],
  ['one in the other', '{{#each list}}{{#if flag}}{{this}}{{name}}{{/if}}{{/each}}', 'aAdabAda'],
  ['tags alone on their lines leave none', 'a\n{{#if flag}}\n{{#each list}}\n- {{this}}\n{{/each}}\n{{/if}}\nb', 'a\n- a\n- b\nb'],
  ['a remark', 'a\n{{! of\ntwo lines }}\nb{{! x }}', 'a\nb'],
  ['braces of its own', 'write \\{{name}} and {"a":{"b":1}}', 'write {{name}} and {"a":{"b":1}}'],
  ['line ends of Windows', '{{#if flag}}\r\na\r\n{{/if}}\r\nb\r\n', 'a\nb'],
])('%s', (_name, source, expected) => expect(rendered(source)).toBe(expected));

describe('mistakes', () => {
  test.each<[string, string, string[]]>([
    [
      'an unknown variable names itself, its line and what there is',
      'a\nb {{nmae}}',
      ['2: unknown variable "nmae". Did you mean "name"? Allowed: name, title, flag, empty, list, none'],
    ],
    ['a property of the language is none', '{{constructor}}', [expect.stringContaining('unknown variable "constructor"')]],
    [
      'lines are counted past tags that leave none',
      '{{#if flag}}\n{{#if name}}\nx\n{{/if}}\n{{/if}}\n{{x}}',
      [expect.stringMatching(/^6: /)],
    ],
    ['an open block', 'a\n{{#if flag}}\nb', ['2: {{#if flag}} is not closed']],
    ['a block closed by another', '{{#if flag}}{{/each}}', ['1: {{/each}} closes the {{#if}} of line 1']],
    ['nothing to close', '{{/if}}', ['1: {{/if}} closes nothing']],
    ['else alone', '{{else}}', ['1: {{else}} stands outside of {{#if …}}']],
    ['this outside of each', '{{this}}', ['1: {{this}} stands outside of {{#each …}}']],
    ['each over what is no list', '{{#each name}}{{/each}}', ['1: "name" is no list. Lists: list, none']],
    ['another tag', '{{#with name}}', ['1: {{#with name}} is no tag. There are {{#if name}} and {{#each name}}']],
    ['an expression', '{{#if name == "x"}}{{/if}}', [expect.stringContaining('is no tag'), '1: {{/if}} closes nothing']],
    ['an open brace', 'a {{name', ['1: a {{ without its }}; a plain one is written \\{{']],
    ['too long', 'x'.repeat(longestTemplate + 1), ['1: it is longer than 64 kB']],
    ['several at once', '{{a}}\n{{b}}', [expect.stringMatching(/^1: /), expect.stringMatching(/^2: /)]],
  ])('%s', (_name, source, expected) => expect(mistakes(source)).toEqual(expected));
});
