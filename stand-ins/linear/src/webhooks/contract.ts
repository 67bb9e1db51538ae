import {
  type GraphQLOutputType,
  type GraphQLSchema,
  isEnumType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  isUnionType,
} from 'graphql';

const scalarChecks: Readonly<Record<string, (value: unknown) => boolean>> = {
  String: (value) => typeof value === 'string',
  ID: (value) => typeof value === 'string',
  Boolean: (value) => typeof value === 'boolean',
  Int: (value) => Number.isInteger(value),
  Float: (value) => typeof value === 'number',
  DateTime: (value) => !Number.isNaN(Date.parse(String(value))),
};

/** Differences between a webhook body and its `*WebhookPayload` type in Linear's schema: missing, mistyped, unknown. */
export function payloadProblems(schema: GraphQLSchema, typeName: string, body: unknown): string[] {
  const type = schema.getType(typeName);
  if (!isObjectType(type) && !isInterfaceType(type)) return [`${typeName}: no such payload type`];
  return problems(schema, type, body, typeName);
}

function problems(schema: GraphQLSchema, type: GraphQLOutputType, value: unknown, path: string): string[] {
  if (isNonNullType(type))
    return value === null || value === undefined ? [`${path}: required`] : problems(schema, type.ofType, value, path);
  if (value === null || value === undefined) return [];
  if (isListType(type)) {
    if (!Array.isArray(value)) return [`${path}: list expected`];
    return value.flatMap((item, index) => problems(schema, type.ofType, item, `${path}[${index}]`));
  }
  if (isScalarType(type))
    return (scalarChecks[type.name]?.(value) ?? true) ? [] : [`${path}: ${type.name} expected, got ${JSON.stringify(value)}`];
  if (isEnumType(type)) return type.getValue(String(value)) ? [] : [`${path}: not in ${type.name}`];
  if (isUnionType(type)) {
    const fits = type.getTypes().map((member) => problems(schema, member, value, path));
    return fits.sort((a, b) => a.length - b.length)[0] ?? [`${path}: ${type.name} has no member`];
  }
  const fields = type.getFields();
  const object = value as Readonly<Record<string, unknown>>;
  return [
    ...Object.values(fields).flatMap((field) => problems(schema, field.type, object[field.name], `${path}.${field.name}`)),
    ...Object.keys(object).flatMap((name) => (fields[name] ? [] : [`${path}.${name}: not in ${type.name}`])),
  ];
}
