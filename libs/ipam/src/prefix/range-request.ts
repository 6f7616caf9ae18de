/** What is asked of a Prefix, as clients see it: a literal range `10.0.0.0/28`, or a length `/28` (resources 0.3, 2.9). */
import { isSingleAddress, parsePrefix } from '@weft/api';
import { type AddressRange, type AddressSpace, bestFit, FREE, holds, isFree, rangeOf, rangeText } from './address-space.ts';

export type RangeRequest = string;

export function requestOf({ prefix, prefixLength = 0 }: Readonly<{ prefix?: string; prefixLength?: number }>): RangeRequest | undefined {
  return prefix ?? (prefixLength > 0 ? `/${prefixLength}` : undefined);
}

/** The wanted length; undefined for a literal range. */
function lengthOf(request: RangeRequest): number | undefined {
  return request.startsWith('/') ? Number(request.slice(1)) : undefined;
}

/** Whether a range is what is asked for. Literals are compared as they are written, with their host bits (resources 1.3). */
export function answers(prefix: string, request: RangeRequest): boolean {
  const length = lengthOf(request);
  return length === undefined ? prefix === request : parsePrefix(prefix)?.length === length;
}

/** What ranges are taken from. */
export type Pool = Readonly<{ family: string; prefix: string }>;
export function isSingle({ prefix }: Pool): boolean {
  const parsed = parsePrefix(prefix);
  return parsed !== undefined && isSingleAddress(parsed);
}

export type FamilyRequest = Readonly<{ family: string; request: RangeRequest }>;

/** Why a pool can never serve the request, whatever it has left (resources 3.11 step 3); undefined when it may. */
export function incompatibility(pool: Pool, { family, request }: FamilyRequest): string | undefined {
  if (pool.family !== family) return `is of family ${pool.family}, and ${family} is asked for`;
  const range = rangeOf(pool.prefix);
  const length = lengthOf(request);
  if (length !== undefined) return length <= range.length ? `(${pool.prefix}) is not larger than ${request}` : undefined;
  return isSame(range, rangeOf(request)) ? `(${pool.prefix}) is the very range that is asked for` : undefined;
}

function isSame(a: AddressRange, b: AddressRange): boolean {
  return a.length === b.length && holds(a, b);
}

/** The range that the pool can give now. `space`: what of the pool is free. */
export function findRange(pool: Pool, space: AddressSpace = FREE, wanted: FamilyRequest): string | undefined {
  if (incompatibility(pool, wanted) !== undefined) return undefined;
  const range = rangeOf(pool.prefix);
  const length = lengthOf(wanted.request);
  if (length !== undefined) {
    const found = bestFit(space, range, length);
    return found && rangeText(found);
  }
  const literal = rangeOf(wanted.request);
  return holds(range, literal) && isFree(space, range, literal) ? wanted.request : undefined;
}

/** Why the pool has nothing to give now. */
export function shortage(name: string, { prefix }: Pool, request: RangeRequest): string {
  if (lengthOf(request) !== undefined) return `Prefix ${name} (${prefix}) has no free ${request}`;
  if (!holds(rangeOf(prefix), rangeOf(request))) return `${request} does not lie inside Prefix ${name} (${prefix})`;
  return `${request} of Prefix ${name} is in use`;
}
