import type { Status } from '@weft/api';

/** An answer that is not the one asked for: a `Status`, with headers where the protocol wants them. Thrown anywhere, answered in one place. */
export class StatusError extends Error {
  readonly status: Status;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: Status, headers: Readonly<Record<string, string>> = {}) {
    super(status.message ?? status.reason ?? 'failure');
    this.name = 'StatusError';
    this.status = status;
    this.headers = headers;
  }
}
