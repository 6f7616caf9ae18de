/**
 * A copy that shares nothing which may be changed in place; what was one thing in two places is one thing in the copy. A class with state of its own brings
 * `copy`.
 */
export function copyOf<V>(value: V): V {
  return copied(value, new Map()) as V;
}

function copied(value: unknown, done: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = done.get(value);
  if (known !== undefined) return known;
  const { begun, fill } = beginning(value, (each) => copied(each, done));
  done.set(value, begun);
  fill?.();
  return begun;
}

type Beginning = Readonly<{ begun: unknown; fill?: () => void }>;

function beginning(value: object, copy: (each: unknown) => unknown): Beginning {
  if (value instanceof Map) {
    const begun = new Map<unknown, unknown>();
    return { begun, fill: () => value.forEach((each, key) => void begun.set(key, copy(each))) };
  }
  if (value instanceof Set) return { begun: new Set(value) };
  if (Array.isArray(value)) {
    const begun: unknown[] = [];
    return { begun, fill: () => value.forEach((each) => void begun.push(copy(each))) };
  }
  if ('copy' in value && typeof value.copy === 'function') return { begun: (value as Readonly<{ copy: () => unknown }>).copy() };
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new Error(`a ${value.constructor.name} has no copy()`);
  const begun: Record<string, unknown> = {};
  return { begun, fill: () => Object.entries(value).forEach(([name, each]) => void (begun[name] = copy(each))) };
}
