/** One field or argument of a generated TypeScript declaration: its name, its type as written, its deprecation. */
export interface DeclaredField {
  readonly name: string;
  readonly type: string;
  readonly deprecated?: string;
}

export interface DeclaredType {
  readonly implements: readonly string[];
  readonly fields: readonly DeclaredField[];
  /** The literal of `__typename`, quotes and all; absent on input types. */
  readonly typename?: string;
}

/** What a GraphQL schema left behind in the type declarations generated from it. */
export interface Declarations {
  readonly scalars: readonly string[];
  readonly enums: ReadonlyMap<string, readonly string[]>;
  readonly unions: ReadonlyMap<string, readonly string[]>;
  readonly types: ReadonlyMap<string, DeclaredType>;
  /** Arguments by the lower-case name of type and field, `queryissue`. */
  readonly args: ReadonlyMap<string, readonly DeclaredField[]>;
}

const enumHead = /^(?:export )?(?:declare )?enum (\w+) \{$/;
const typeHead = /^(?:export )?type (\w+) = ((?:\w+ & )*)\{$/;
const unionLine = /^(?:export )?type (\w+) = ((?:\w+ \| )*\w+);$/;
const generatedOperation = /Fragment$|Query$|Mutation$|Variables$/;

/** Argument types are named `MutationIssueUpdateArgs`, with underscores dropped where the field has them. */
export function argsKey(name: string): string {
  return name.replace(/_/g, '').toLowerCase();
}

/** Reads the declarations that `graphql-codegen` wrote for a schema. Lines that are not schema types are passed over. */
export function readDeclarations(source: string): Declarations {
  const lines = source.split('\n');
  const scalars: string[] = [];
  const enums = new Map<string, readonly string[]>();
  const unions = new Map<string, readonly string[]>();
  const types = new Map<string, DeclaredType>();
  const args = new Map<string, readonly DeclaredField[]>();
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const enumName = enumHead.exec(line)?.[1];
    const head = typeHead.exec(line);
    const union = unionLine.exec(line);
    if (enumName) {
      const end = lines.indexOf('}', at);
      enums.set(enumName, readEnumValues(lines.slice(at + 1, end)));
      at = end;
    } else if (head?.[1]) {
      const end = lines.indexOf('};', at);
      const body = readFields(lines.slice(at + 1, end));
      at = end;
      const [, name, parents = ''] = head;
      if (name === 'Scalars') scalars.push(...body.fields.map((field) => field.name));
      else if (!body.wellFormed || types.has(name)) continue;
      else if (name.endsWith('Args') && !body.typename) args.set(argsKey(name), body.fields);
      else
        types.set(name, {
          implements: parents.split(' & ').filter(Boolean),
          fields: body.fields,
          ...(body.typename ? { typename: body.typename } : {}),
        });
    } else if (union?.[1] && union[2] && !generatedOperation.test(union[1])) unions.set(union[1], union[2].split(' | '));
  }
  return { scalars, enums, unions, types, args };
}

function readEnumValues(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^\s+\w+ = "(.+)",?$/.exec(line)?.[1] ?? []);
}

function readFields(lines: readonly string[]): { fields: DeclaredField[]; typename?: string; wellFormed: boolean } {
  const fields: DeclaredField[] = [];
  let typename: string | undefined;
  let deprecated: string | undefined;
  let wellFormed = true;
  let inComment = false;
  for (const line of lines) {
    const startsComment = /^ {2}\/\*\*/.test(line);
    if (startsComment) deprecated = undefined;
    if (startsComment || inComment) {
      deprecated = /@deprecated (.*?)\s*(?:\*\/)?$/.exec(line)?.[1] ?? deprecated;
      inComment = !/\*\/\s*$/.test(line);
      continue;
    }
    const name = /^ {2}__typename\??: (.+);$/.exec(line)?.[1];
    const field = /^ {2}(\w+)\??: (.+);$/.exec(line);
    if (name) typename = name;
    else if (field?.[1] && field[2]) {
      fields.push({ name: field[1], type: field[2], ...(deprecated ? { deprecated } : {}) });
      deprecated = undefined;
    } else if (line.trim()) wellFormed = false;
  }
  return { fields, wellFormed, ...(typename ? { typename } : {}) };
}
