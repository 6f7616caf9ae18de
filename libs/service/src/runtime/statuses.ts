/** Faults of the runtime as a caller sees them (http-api 13). */
import { failure, type Status } from '@weft/api';

export function tooManyRequests(): Status {
  return failure(429, 'TooManyRequests', 'the owner of this object has as many commands in flight as it takes, please try again', {
    retryAfterSeconds: 1,
  });
}

export function badEnvelope(why: string): Status {
  return failure(400, 'BadRequest', why);
}

export function tooLarge(limitBytes: number): Status {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}
