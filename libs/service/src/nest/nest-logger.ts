import type { LoggerService } from '@nestjs/common';
import type { Logger } from '../platform.ts';

/** Writes Nest's own log lines into our log. Lines about modules and routes have the level `debug`. */
export class NestLogger implements LoggerService {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  log(message: unknown, context?: string): void {
    this.#log.debug({ context, said: message }, 'nest');
  }
  debug(message: unknown, context?: string): void {
    this.#log.debug({ context, said: message }, 'nest');
  }
  verbose(message: unknown, context?: string): void {
    this.#log.debug({ context, said: message }, 'nest');
  }
  warn(message: unknown, context?: string): void {
    this.#log.warn({ context, said: message }, 'nest warns');
  }
  error(message: unknown, ...more: unknown[]): void {
    this.#log.error({ said: message, more }, 'nest reports an error');
  }
  fatal(message: unknown, ...more: unknown[]): void {
    this.#log.error({ said: message, more }, 'nest reports a fatal error');
  }
}
