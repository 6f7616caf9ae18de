import type { ApiObject } from '@weft/api';

/** Typed clients send what they do not set as null. */
export function eventDefaults(object: ApiObject): ApiObject {
  let clean: ApiObject | undefined;
  for (const name in object) {
    if (object[name] !== null) continue;
    clean ??= { ...object };
    delete clean[name];
  }
  return clean ?? object;
}
