/**
 * What the client throws, as errors of the port. Trouble with the server comes in several forms (eventstoredb E-1, E-30, E-31, E-38):
 * typed errors, a bare gRPC error, an "unknown" error whose text says not ready. Types decide, never names or texts, except where only the text
 * differs.
 */
import { ErrorType, isCommandError, MaxAppendSizeExceededError, WrongExpectedVersionError } from '@eventstore/db-client';
import { DamagedError, StoreError, TooLargeError, UnavailableError, WrongRevisionError } from '../errors.ts';
import type { ExpectedRevision } from '../port.ts';

export function toStoreError(error: unknown, attempted: string): StoreError {
  if (error instanceof StoreError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  if (isCommandError(cause)) {
    switch (cause.type) {
      case ErrorType.ACCESS_DENIED:
        return new UnavailableError(`${attempted}: the server refused the credentials; check the user in the URL`, { cause });
      case ErrorType.STREAM_DELETED:
        return new DamagedError(
          `${attempted}: somebody deleted the stream for ever (a tombstone); Weft never does, and its history is gone`,
          { cause },
        );
    }
  }
  return new UnavailableError(`${attempted}: ${cause.message || ('type' in cause ? String(cause.type) : cause.name)}`, { cause });
}

/** The same for an append, where a refusal is distinguished from trouble. */
export function toAppendError(error: unknown, stream: string, expected: ExpectedRevision, bytes: () => number): StoreError {
  if (error instanceof WrongExpectedVersionError) {
    const actual = error.actualVersion;
    return new WrongRevisionError(stream, expected, typeof actual === 'bigint' ? actual : 'none');
  }
  if (error instanceof MaxAppendSizeExceededError) return new TooLargeError(stream, bytes(), error.maxAppendSize);
  return toStoreError(error, `append to "${stream}": outcome unknown`);
}

/** The server was asked to read from a position that is no record's (E-17, E-21). Only its text shows that. */
export function isNoRecord(error: unknown): boolean {
  return error instanceof Error && isCommandError(error) && error.type === ErrorType.UNKNOWN && error.message.includes('ReadAllResult');
}

export function isStreamNotFound(error: unknown): boolean {
  return error instanceof Error && isCommandError(error) && error.type === ErrorType.STREAM_NOT_FOUND;
}
