/** A read or subscription of the client as pages: what has arrived since the last look. The client's own iteration costs more and fails in several ways (eventstoredb E-25). */
import type { StreamingRead } from '@eventstore/db-client';
import type { Timers } from '@weft/api';
import { UnavailableError } from '../errors.ts';

const BUFFERED_MAX = 512;

/**
 * Ends with the source, throws what it throws, and cancels it when left early. Without data for `idleMs` it throws UnavailableError
 * (E-31: a frozen server is silent). After a failure its listeners stay, since some errors are emitted twice.
 */
export async function* pagesOf<T>(source: StreamingRead<T>, idleMs: number, timers: Timers): AsyncGenerator<readonly T[], void, undefined> {
  let buffer: T[] = [];
  let ended = false;
  let failure: unknown;
  let wake = () => {};
  source.on('data', (item: T) => {
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
        const timer = timers.after(idleMs, () => {
          failure ??= new UnavailableError(`the server sent nothing for ${idleMs} ms`);
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
