import { argsKey, type Declarations, type DeclaredField, type DeclaredType } from './declarations.ts';

const builtInScalars = new Set(['ID', 'String', 'Boolean', 'Int', 'Float']);

/** The schema's own spelling of names that the code generator changed. */
const respelled: readonly (readonly [RegExp, string])[] = [
  [/\bIdComparator\b/g, 'IDComparator'],
  [/\bIssueIdComparator\b/g, 'IssueIDComparator'],
];

/** Writes the schema definition (SDL) that the declarations were generated from, without descriptions and default values. */
export function toSdl(declared: Declarations): string {
  const interfaces = new Set([...declared.types.values()].flatMap((type) => type.implements));
  const blocks = [
    ...declared.scalars.filter((name) => !builtInScalars.has(name)).map((name) => `scalar ${name}`),
    ...[...declared.enums].map(([name, values]) => `enum ${name} {\n  ${values.join('\n  ')}\n}`),
    ...[...declared.unions]
      .filter(([, members]) => members.length > 1 && members.every((member) => declared.types.get(member)?.typename))
      .map(([name, members]) => `union ${name} = ${members.join(' | ')}`),
    ...[...declared.types].flatMap(([name, type]) => typeBlock(name, type, interfaces.has(name), declared) ?? []),
  ];
  return `${respelled.reduce((text, [from, to]) => text.replace(from, to), blocks.join('\n\n'))}\n`;
}

function typeBlock(name: string, type: DeclaredType, isInterface: boolean, declared: Declarations): string | undefined {
  const isSchemaType = type.typename === undefined || type.typename === `"${name}"` || isInterface;
  const kind = isInterface ? 'interface' : type.typename ? 'type' : 'input';
  if (!isSchemaType || type.fields.length === 0) return undefined;
  const rows: string[] = [];
  for (const field of type.fields) {
    const fieldType = toGraphql(field.type);
    // A type that a GraphQL type cannot express is a helper of the client library, not part of the schema.
    if (!fieldType) return undefined;
    const args = kind === 'input' ? [] : (declared.args.get(argsKey(`${name}${field.name}Args`)) ?? []);
    rows.push(`  ${field.name}${argumentList(args)}: ${fieldType}${deprecation(field)}`);
  }
  const parents = type.implements.length ? ` implements ${type.implements.join(' & ')}` : '';
  return `${kind} ${name}${parents} {\n${rows.join('\n')}\n}`;
}

function argumentList(args: readonly DeclaredField[]): string {
  return args.length ? `(${args.map((arg) => `${arg.name}: ${toGraphql(arg.type)}`).join(', ')})` : '';
}

function deprecation(field: DeclaredField): string {
  return field.deprecated ? ` @deprecated(reason: ${JSON.stringify(field.deprecated)})` : '';
}

/** `Maybe<Array<Scalars["ID"]>>` → `[ID!]`; `undefined` for a type that is not GraphQL's. */
function toGraphql(type: string): string | undefined {
  const optional = /^(?:Input)?Maybe<(.+)>$/.exec(type)?.[1];
  if (optional) return toGraphql(optional)?.replace(/!$/, '');
  const item = /^Array<(.+)>$/.exec(type)?.[1];
  if (item) {
    const inner = toGraphql(item);
    return inner && `[${inner}]!`;
  }
  const scalar = /^Scalars\["(\w+)"\]$/.exec(type)?.[1];
  if (scalar) return `${scalar}!`;
  return /^\w+$/.test(type) ? `${type}!` : undefined;
}
