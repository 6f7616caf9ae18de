import { notSupported, required } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { IP_FAMILIES } from './ip.ts';

/** Adds an error for a family that is missing or unknown. */
export function ipFamilyErrors(family: string | undefined, path: string, errors: FieldError[]): void {
  if (family === 'IPv4' || family === 'IPv6') return;
  if (family === undefined || family === '') errors.push(required(path, 'must specify ipFamily'));
  else errors.push(notSupported(path, family, IP_FAMILIES));
}
