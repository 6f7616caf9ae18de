/** Options of writes, from the query and, for a deletion, from its body (http-api 7, 12). */
import {
  type FieldError,
  forbidden,
  invalid,
  type JsonObject,
  type JsonValue,
  MANAGER_LENGTH_MAX,
  managerErrors,
  notSupported,
  required,
  type WriteOptions,
} from '@weft/api';
import { badRequest, invalidOptions } from '../http/failures.ts';
import type { Query } from '../http/query.ts';

const validations = ['Ignore', 'Warn', 'Strict'] as const;
const policies = ['Background', 'Foreground', 'Orphan'];

/** `kind`: the options type named in errors, `CreateOptions` and so on. `userAgent` names the manager when the request does not. */
export function writeOptions(query: Query, kind: string, userAgent: string | undefined, isApply = false): WriteOptions {
  const causes: FieldError[] = [];
  const dryRun = isDryRun(query.all('dryRun'), causes);
  const fieldValidation = query.text('fieldValidation');
  if (fieldValidation !== undefined && !validations.some((each) => each === fieldValidation))
    causes.push(notSupported('fieldValidation', fieldValidation, validations));
  const manager = query.text('fieldManager');
  if (manager !== undefined) causes.push(...managerErrors(manager, 'fieldManager'));
  else if (isApply) causes.push(required('fieldManager', 'is required for apply patch'));
  if (query.has('force') && kind === 'PatchOptions' && !isApply)
    causes.push(forbidden('force', 'may not be specified for non-apply patch'));
  if (causes.length > 0) throw invalidOptions(kind, causes);
  const fieldManager = manager ?? userAgent?.split('/')[0]?.slice(0, MANAGER_LENGTH_MAX);
  return {
    ...(dryRun ? { dryRun } : {}),
    ...(fieldManager === undefined || fieldManager === '' ? {} : { fieldManager }),
    ...(isApply && query.flag('force') === true ? { force: true } : {}),
    ...(fieldValidation === undefined ? {} : { fieldValidation: fieldValidation as (typeof validations)[number] }),
  };
}

export type DeleteOptions = Readonly<{
  dryRun: boolean;
  /** No grace period at all: overrides a kind's own refusal. */
  force: boolean;
  propagationPolicy?: string;
  preconditions?: Readonly<{ uid?: string; resourceVersion?: string }>;
}>;

/** The body wins over the query, as upstream. */
export function deleteOptions(query: Query, body: JsonObject | undefined): DeleteOptions {
  const kind = body?.['kind'] || 'DeleteOptions';
  if (kind !== 'DeleteOptions') throw badRequest(`${String(kind)} cannot be handled as DeleteOptions`);
  const causes: FieldError[] = [];
  const dryRun = isDryRun(body?.['dryRun'] === undefined ? query.all('dryRun') : texts(body['dryRun'], 'dryRun'), causes);
  const given = body?.['propagationPolicy'] ?? query.text('propagationPolicy');
  if (given !== undefined && given !== null && !policies.some((each) => each === given))
    causes.push(notSupported('propagationPolicy', String(given), [...policies, 'nil']));
  const orphan = body?.['orphanDependents'] ?? query.flag('orphanDependents');
  if (given !== undefined && given !== null && orphan !== undefined && orphan !== null)
    causes.push(invalid('propagationPolicy', String(given), 'orphanDependents and deletionPropagation cannot be both set'));
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const propagationPolicy = given ?? (orphan === true ? 'Orphan' : undefined);
  const preconditions = preconditionsOf(body?.['preconditions']);
  return {
    dryRun,
    force: (body?.['gracePeriodSeconds'] ?? query.number('gracePeriodSeconds')) === 0,
    ...(typeof propagationPolicy === 'string' ? { propagationPolicy } : {}),
    ...(preconditions === undefined ? {} : { preconditions }),
  };
}

function isDryRun(values: readonly string[], causes: FieldError[]): boolean {
  for (const value of values) if (value !== '' && value !== 'All') causes.push(notSupported('dryRun', value, ['All']));
  return values.includes('All');
}

function texts(value: JsonValue, field: string): string[] {
  if (value === null) return [];
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string')) throw badRequest(`${field} must be a list of strings`);
  return value as string[];
}

function preconditionsOf(value: JsonValue | undefined): DeleteOptions['preconditions'] {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw badRequest('preconditions must be an object');
  const { uid, resourceVersion } = value;
  for (const each of [uid, resourceVersion]) {
    if (each !== undefined && each !== null && typeof each !== 'string') throw badRequest('preconditions must be strings');
  }
  return {
    ...(typeof uid === 'string' ? { uid } : {}),
    ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
  };
}
