import type { ApiObject } from '@weft/api';

/** Removes fields that are null: typed clients send null for fields that they do not set. */
export function eventDefaults(object: ApiObject): ApiObject {
  let clean: ApiObject | undefined;
  for (const name in object) {
    if (object[name] !== null) continue;
    clean ??= { ...object };
    delete clean[name];
  }
  return clean ?? object;
}
