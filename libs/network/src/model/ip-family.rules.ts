import { type FieldError, IP_FAMILIES, notSupported, required } from '@weft/api';

/** Empty or unknown. */
export function ipFamilyErrors(family: string | undefined, path: string, errors: FieldError[]): void {
  if (family === 'IPv4' || family === 'IPv6') return;
  if (family === undefined || family === '') errors.push(required(path, 'must specify ipFamily'));
  else errors.push(notSupported(path, family, IP_FAMILIES));
}
