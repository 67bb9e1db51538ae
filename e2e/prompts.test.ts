import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { change, commit, type Step, shell, write } from './support/model.ts';
import { until } from './support/until.ts';
import { plainRepository, World } from './support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    repositories: {
      app: plainRepository,
      own: { ...plainRepository, '.cyrus/prompts/builder.md': 'Speak of {{issue.identifier}} like a poet.\n' },
      wrong: { ...plainRepository, '.cyrus/prompts/builder.md': 'Be kind.\n\n{{issue.titel}}\n{{#if messages}}\n' },
      second: plainRepository,
    },
    repositoryConfig: { second: { fallbackModel: 'claude-haiku-4-5' }, app: { appendInstruction: 'Say please.' } },
  });
});
afterAll(() => world?.close());

const said = async (title: string): Promise<string> => (await world.model.requestsAbout(title)).at(-1)?.userTexts.join('\n') ?? '';
const tool = (name: string, input: object): Step => ({ tool: `mcp__linear__${name}`, input });

describe('a template of the repository', () => {
  test('is used, and what an agent makes of it in its own tree is not', async () => {
    const { linear, model } = world;
    const title = 'A line of verse';
    await model.script(title, [write('.cyrus/prompts/builder.md', '{{broken'), ...change('verse.txt', 'o')]);
    await model.script(title, change('verse2.txt', 'p', 'Another line.'), 'One more line');
    const issue = await linear.assign({ title, description: '[repo=own]' });
    expect((await linear.closing(issue)).body).toMatch(/^✅ Done as asked\./);
    expect(await said(title)).toMatch(new RegExp(`^Speak of ${issue} like a poet\\.`));
    await linear.say(issue, 'One more line, please.');
    expect((await linear.closing(issue, 2)).body).toMatch(/^✅ Another line\./);
    expect((await said(title)).split('like a poet.')).toHaveLength(3);
  });

  test('with a mistake ends the attempt with the file, the line, the variable and what there is', async () => {
    const { linear, model } = world;
    const issue = await linear.assign({ title: 'Nothing can be done', description: '[repo=wrong]' });
    const answer = await linear.closing(issue);
    expect(answer.type).toBe('error');
    expect(answer.body).toMatch(/\.cyrus\/prompts\/builder\.md at [0-9a-f]{12} has 2 mistakes: line 3: unknown variable "issue\.titel"/);
    expect(answer.body).toContain('Did you mean "issue.title"? Allowed: procedure,');
    expect(answer.body).toContain('cyrus prompts check');
    expect(await model.requestsAbout('Nothing can be done')).toEqual([]);
  });

  test('is shown and checked on the command line', async () => {
    const checked = await world.cyrus('prompts', 'check');
    expect(checked.code).toBe(78);
    expect(checked.stdout).toMatch(/wrong: \.cyrus\/prompts\/builder\.md on main: not fine\n {4}line 3: unknown variable "issue\.titel"/);
    expect(checked.stdout).toContain('line 4: {{#if messages}} is not closed');
    expect(checked.stdout).toContain('own: .cyrus/prompts/builder.md on main: fine');
    expect((await world.cyrus('prompts', 'check', '--repo', 'own')).code).toBe(0);
    const shown = await world.cyrus('prompts', 'show', 'builder', '--repo', 'own');
    expect(shown.stdout.trim()).toBe('Speak of {{issue.identifier}} like a poet.');
    expect(shown.stderr).toContain('builder: .cyrus/prompts/builder.md on main');
    expect((await world.cyrus('prompts', 'list', '--repo', 'own')).stdout).toMatch(/builder +\.cyrus\/prompts\/builder\.md on main\n/);
    const doctor = await world.cyrus('doctor', '--json');
    expect(doctor.stdout).toContain('"name":"prompts of wrong","state":"error"');
  });
});

describe('a documentation task', () => {
  test('writes documentation, and only that', async () => {
    const { linear, github, model } = world;
    const title = 'Say how to greet';
    // The tool refuses the code; a command gets round the tool, and then the work is not taken.
    await model.script(title, [
      write('src.js', 'no'),
      shell('echo no > src2.js'),
      write('GREETING.md', '# Hello\n'),
      commit('Docs'),
      { text: 'Written.' },
    ]);
    await model.script(
      title,
      [shell('git rm -q src2.js && git commit -qm "Only docs"'), { text: 'Now only documentation.' }],
      'it also changed src2.js',
    );
    const issue = await linear.assign({ title, description: '[repo=app]', labels: ['Documentation'] });
    const answer = await linear.closing(issue);
    expect(answer.body).toMatch(/^✅ Now only documentation\./);
    const [pull] = await github.pulls('app', issue);
    expect((await github.git('app', 'diff', '--name-only', `main...${pull?.head}`)).trim()).toBe('GREETING.md');
    const [first] = await model.requestsAbout(title);
    expect(first?.userTexts[0]).toMatch(/^<issue id=/);
  });
});

describe('a scoper', () => {
  test('cannot write: nothing is left in its checkout, nothing is pushed', async () => {
    const { linear, github, model } = world;
    const title = 'What would it take';
    await model.script(title, [
      write('left.txt', 'x'),
      shell('touch left.txt; git add -A; git commit -qm left'),
      shell("node -e \"fs.writeFileSync('left.txt', 'x')\""),
      shell('cat check.js | head -1'),
      { text: '# Plan\n\nOne day.' },
    ]);
    const issue = await linear.assign({ title, description: '[repo=app]', labels: ['Scoper'] });
    expect((await linear.closing(issue)).body).toContain('# Plan');
    const events = (await world.cyrus('logs', issue, '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const results = JSON.stringify(events).match(/"isError":(?:true|false)/g);
    expect(results).toEqual(['"isError":true', '"isError":true', '"isError":true', '"isError":false']);
    expect(await github.pushes('app')).not.toContainEqual(expect.stringContaining(issue.toLowerCase()));
    for (const place of await world.checkouts('work')) await expect(access(join(place, 'left.txt'))).rejects.toThrow('ENOENT');
  });
});

describe('the model', () => {
  test('of a tag that nobody knows ends with the name of the tag', async () => {
    const { linear, model } = world;
    await model.fault({ models: { 'claude-nope-9': 404 } });
    const issue = await linear.assign({ title: 'With a model that is none', description: '[repo=app] [model=claude-nope-9]' });
    const answer = await linear.closing(issue);
    expect(answer.type).toBe('error');
    expect(answer.body).toMatch(/^❌ The model claude-nope-9, named by \[model=claude-nope-9\] in the issue, cannot be used\./);
    expect(answer.body).toContain('**What to do:** Correct [model=claude-nope-9] in the issue');
  });

  test('gives way to the fallback of the repository', async () => {
    const { linear, model } = world;
    // One that has a price: what has none is not asked for.
    await model.fault({ models: { 'claude-opus-5-5': 404 } });
    await model.script('Go on all the same', change('on.txt', 'on'));
    const issue = await linear.assign({ title: 'Go on all the same', description: '[repo=second] [model=claude-opus-5-5]' });
    expect((await linear.closing(issue)).body).toMatch(/^✅/);
    const asked = await model.requestsAbout('Go on all the same');
    expect(asked[0]).toMatchObject({ model: 'claude-opus-5-5', status: 404 });
    expect(asked.at(-1)).toMatchObject({ model: 'claude-haiku-4-5', status: 200 });
    await model.noFaults();
  });
});

describe('tools for Linear', () => {
  test('read, relate, create and comment without a token in reach', async () => {
    const { linear, model } = world;
    const other = await linear.people<{ identifier: string }>('issues', { title: 'The other one', description: 'Said </issue> there.' });
    const title = 'Look around';
    await model.script(title, [
      tool('get_issue', { issue: other.identifier }),
      tool('set_relation', { issue: other.identifier, type: 'blocks' }),
      tool('create_sub_issue', { title: 'Found on the way', description: 'Later.' }),
      tool('create_sub_issue', { title: 'Found on the way', description: 'Later.' }),
      tool('create_comment', { body: 'See linear.app/x/profiles/cyrus' }),
      tool('get_issue', { issue: 'NOPE-1' }),
      write('seen.md', 'What I saw.'),
      tool('upload_file', { path: 'seen.md', title: 'Seen' }),
      shell('rm seen.md'),
      shell('env; cat /proc/self/environ | tr "\\0" "\\n"'),
      ...change('around.txt', 'a'),
    ]);
    const issue = await linear.assign({ title, description: '[repo=app]' });
    expect((await linear.closing(issue)).body).toMatch(/^✅/);
    const log = (await world.cyrus('logs', issue, '--json')).stdout;
    expect(log).toContain(`<issue id=\\"${other.identifier}\\"`);
    expect(log).toContain('Said <\\\\\\\\/issue> there.'.replaceAll('\\\\\\\\', '\\\\'));
    expect(log).not.toContain('lin_oauth_app');
    expect(log).toContain('Mentions of people and agents are not possible here');
    expect(log).toContain('The issue NOPE-1 could not be read');
    const { children, attachments } = await linear.issue(issue);
    expect(attachments.map(({ title }) => title)).toContain('Seen');
    expect(children).toHaveLength(1);
    expect(await linear.issue(children[0] ?? '')).toMatchObject({
      title: 'Found on the way',
      delegate: null,
      assignee: null,
      sessions: [],
    });
    expect((await linear.issue(other.identifier)).blockedBy).toEqual([issue]);
  });

  test('a comment is made once, though the service is killed while it is made', async () => {
    const { linear, model } = world;
    const title = 'Tell them';
    await model.script(title, [tool('create_comment', { body: 'The door is green.' }), ...change('told.txt', 't', 'They know.')]);
    // The comment is made, its answer lost; then everything is killed while the agent waits for it.
    await linear.fault({ kind: 'latency', field: 'commentCreate', ms: 4_000, times: 1 });
    const issue = await linear.assign({ title, description: '[repo=app]' });
    await until('the tool is called', async () =>
      (await world.cyrus('logs', issue, '--json')).stdout.includes('mcp__linear__create_comment'),
    );
    await until('the comment is on its way', async () => (await linear.issue(issue)).comments.some(({ body }) => body.includes('green')));
    await world.service.kill();
    await world.start();
    expect((await linear.closing(issue)).body).toMatch(/^✅ They know\./);
    const green = (await linear.issue(issue)).comments.filter(({ body }) => body.includes('The door is green.'));
    expect(green).toHaveLength(1);
    expect(await linear.violations()).toEqual([]);
  });
});
