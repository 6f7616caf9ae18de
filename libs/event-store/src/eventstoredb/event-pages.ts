/** A read or subscription of the client as pages: what has arrived since the last look. The client's own iteration costs more and fails in several ways (eventstoredb E-25). */
import type { StreamingRead } from '@eventstore/db-client';
import type { Clock } from '@weft/api';
import { UnavailableError } from '../errors.ts';
import type { Connection } from './connection.ts';

const BUFFERED_MAX = 512;

/**
 * Ends with the source, throws what it throws, and cancels it when left early. Without data for `idleMs` it throws UnavailableError, and when nothing
 * else came from the server either it gives the connection up (E-31: a frozen server is silent). After a failure its listeners stay, since some errors are
 * emitted twice.
 */
export async function* pagesOf<T>(
  source: StreamingRead<T>,
  idleMs: number,
  clock: Clock,
  connection: Connection,
): AsyncGenerator<readonly T[], void, undefined> {
  const line = connection.line();
  let buffer: T[] = [];
  let ended = false;
  let failure: unknown;
  let wake = () => {};
  source.on('data', (item: T) => {
    connection.heardAtMs = clock.monotonicMs();
    buffer.push(item);
    if (buffer.length >= BUFFERED_MAX) source.pause();
    wake();
  });
  source.on('end', () => {
    ended = true;
    wake();
  });
  source.on('error', (error) => {
    failure ??= error;
    wake();
  });
  try {
    for (;;) {
      if (buffer.length > 0) {
        const page = buffer;
        buffer = [];
        if (source.isPaused()) source.resume();
        yield page;
        continue;
      }
      if (failure !== undefined) throw failure;
      if (ended) return;
      await new Promise<void>((resolve) => {
        const timer = clock.after(idleMs, () => {
          failure ??= new UnavailableError(`${line.isOpen() ? 'the server sent nothing' : 'no server was found'} for ${idleMs} ms`);
          if (clock.monotonicMs() - connection.heardAtMs >= idleMs) line.giveUp();
          resolve();
        });
        wake = () => {
          timer.cancel();
          resolve();
        };
      });
    }
  } finally {
    if (!ended) {
      source.cancel().catch(() => {}); // It never began.
      source.destroy();
    }
  }
}
