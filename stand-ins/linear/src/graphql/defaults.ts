import { type GraphQLOutputType, isNonNullType, isScalarType } from 'graphql';
import { notModelled } from '../errors.ts';

const neutral: Readonly<Record<string, unknown>> = {
  Int: 0,
  Float: 0,
  Boolean: false,
  String: '',
  DateTime: '1970-01-01T00:00:00.000Z',
  TimelessDate: '1970-01-01',
  JSON: {},
  JSONObject: {},
};

/** Answers for fields that this server keeps no data for. Each use is counted, so that what was made up can be seen. */
export class Defaults {
  /** Neutral values given for required scalars, by `Type.field`. */
  readonly scalars: Map<string, number> = new Map();
  /** `null` given for optional fields, by `Type.field`. */
  readonly nulls: Map<string, number> = new Map();

  /** @throws GraphQLError `NOT_MODELLED` for anything required that is not a scalar: objects, enums, lists, connections */
  valueOf(type: GraphQLOutputType, field: string): unknown {
    if (!isNonNullType(type)) {
      this.nulls.set(field, (this.nulls.get(field) ?? 0) + 1);
      return null;
    }
    if (!isScalarType(type.ofType) || !(type.ofType.name in neutral)) throw notModelled(field);
    this.scalars.set(field, (this.scalars.get(field) ?? 0) + 1);
    return neutral[type.ofType.name];
  }
}
