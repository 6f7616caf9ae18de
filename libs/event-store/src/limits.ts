import { InvalidArgumentError } from './errors.ts';

/** A limit of at least 1; absent means no limit. Throws InvalidArgumentError. */
export function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError(`limit ${limit} is not a whole number from 1`);
  return limit;
}
