/** `metadata.managedFields` as clients send them back, or change them: kubectl does, when an object moves from client-side to server-side apply. */
import { apiVersionOf } from '../fold/evolve.ts';
import type { KindModule } from '../kind/kind.ts';
import type { ManagedFields } from '../kind/object.ts';
import type { JsonValue } from '../log/json.ts';
import { isObject } from '../patch/merge-patch.ts';
import { invalid, required, tooLong } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { isEmptySet, isFieldSet } from './field-set.ts';

export const MANAGER_LENGTH_MAX = 128;
const PRINTABLE = /^[\P{C}]*$/u;

/** What is wrong with the name of a manager. */
export function managerErrors(name: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (name.length > MANAGER_LENGTH_MAX) errors.push(tooLong(path, MANAGER_LENGTH_MAX));
  if (!PRINTABLE.test(name)) errors.push(invalid(path, name, 'should only contain printable characters'));
  return errors;
}

/** One empty entry: nobody shall manage anything any more. */
export function isReset(sent: readonly JsonValue[]): boolean {
  return sent.length === 1 && isObject(sent[0]) && Object.keys(sent[0]).length === 0;
}

export type AskedManagers = Readonly<{ entries: readonly ManagedFields[] }> | Readonly<{ errors: readonly FieldError[] }>;

export function askedManagers(kind: KindModule, sent: readonly JsonValue[]): AskedManagers {
  const entries: ManagedFields[] = [];
  const errors: FieldError[] = [];
  sent.forEach((each, i) => {
    const path = `metadata.managedFields[${i}]`;
    const { manager, operation, apiVersion, time, fieldsType, fieldsV1 = {}, subresource } = isObject(each) ? each : {};
    if (typeof manager !== 'string' || manager === '') errors.push(required(`${path}.manager`));
    else errors.push(...managerErrors(manager, `${path}.manager`));
    if (operation !== 'Apply' && operation !== 'Update')
      errors.push(invalid(`${path}.operation`, operation, 'must be `Apply` or `Update`'));
    if (fieldsType !== 'FieldsV1') errors.push(invalid(`${path}.fieldsType`, fieldsType, 'must be `FieldsV1`'));
    if (!isFieldSet(fieldsV1)) errors.push(invalid(`${path}.fieldsV1`, '', 'must be a tree of path steps'));
    else if (typeof manager === 'string' && (operation === 'Apply' || operation === 'Update') && !isEmptySet(fieldsV1)) {
      entries.push({
        manager,
        operation,
        apiVersion: typeof apiVersion === 'string' ? apiVersion : apiVersionOf(kind),
        ...(typeof time === 'string' && { time }),
        fieldsType: 'FieldsV1',
        fieldsV1,
        ...(subresource === 'status' && { subresource }),
      });
    }
  });
  return errors.length > 0 ? { errors } : { entries };
}
