/**
 * Whether a schema still keeps what a published one promised, to those who read new events by the old schema and to those who read old events by the new one.
 * A field that may be absent may be added, and a value or an alternative; anything else is a new version of the type.
 */
import type { JsonObject, JsonValue } from '@weft/api';

/** Say nothing about what is valid. */
const DOCUMENTING = /^(description|title|default|examples|\$id|x-.*)$/;

/** What is broken, by path; none when it is kept. */
export function breaksOf(published: JsonValue | undefined, now: JsonValue | undefined, path = ''): readonly string[] {
  if (!isObject(published) || !isObject(now)) return same(published, now) ? [] : [`${path || 'it'} is not as it was`];
  const broken: string[] = [];
  const keywords = new Set([...Object.keys(published), ...Object.keys(now)].filter((each) => !DOCUMENTING.test(each)));
  for (const keyword of keywords) {
    const [old, young] = [published[keyword], now[keyword]];
    switch (keyword) {
      case 'properties':
        broken.push(...propertiesBroken((old ?? {}) as JsonObject, (young ?? {}) as JsonObject, path));
        break;
      case 'required':
        broken.push(...requiredBroken((old ?? []) as string[], (young ?? []) as string[], path));
        break;
      case 'enum':
      case 'anyOf':
        if (!isGrown(old, young)) broken.push(`${path || 'it'}: ${keyword} lacks what it had`);
        break;
      default:
        broken.push(...breaksOf(old, young, `${path}/${keyword}`));
    }
  }
  return broken;
}

function propertiesBroken(old: JsonObject, young: JsonObject, path: string): string[] {
  return Object.entries(old).flatMap(([name, schema]) =>
    young[name] === undefined ? [`${path}/${name} is gone`] : breaksOf(schema, young[name], `${path}/${name}`),
  );
}

function requiredBroken(old: readonly string[], young: readonly string[], path: string): string[] {
  return [
    ...old.filter((name) => !young.includes(name)).map((name) => `${path}/${name} may be absent now`),
    ...young.filter((name) => !old.includes(name)).map((name) => `${path}/${name} may not be absent any more`),
  ];
}

function isGrown(old: JsonValue | undefined, young: JsonValue | undefined): boolean {
  if (!Array.isArray(old) || !Array.isArray(young)) return false;
  return old.every((each) => young.some((other) => breaksOf(each, other).length === 0));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
