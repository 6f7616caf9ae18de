import type { ServerResponse } from 'node:http';
import type { Timers } from '@weft/api';

/** Where watches and streams of events write to. */
export interface Sink {
  readonly closed: boolean;
  /** False: more than a piece waits already, so wait for `drained` before more is written. */
  write(text: string | Uint8Array): boolean;
  /** True once there is room again; false when the reader is gone or took nothing for `stallMs`. */
  drained(stallMs: number): Promise<boolean>;
  /** Ends as a client expects it: what was written arrives. */
  end(): void;
  /** Breaks the connection. */
  destroy(): void;
  onceClosed(listener: () => void): void;
}

/**
 * As much may wait for the socket as is written at once. Node asks to wait from 16 KiB on, also where the kernel takes everything in this very turn: a wait
 * for each of a thousand readers costs more than their writes.
 */
const WAITING_BYTES_MAX = 64 * 1024;

export function responseSink(response: ServerResponse, timers: Timers): Sink {
  return {
    get closed() {
      return response.destroyed || response.writableEnded;
    },
    write: (chunk) => response.write(chunk) || response.writableLength <= WAITING_BYTES_MAX,
    drained: (stallMs) =>
      new Promise((resolve) => {
        if (response.destroyed) return resolve(false);
        if (!response.writableNeedDrain) return resolve(true);
        const settle = (room: boolean) => {
          timer.cancel();
          response.off('drain', onDrain);
          response.off('close', onClose);
          resolve(room);
        };
        const onDrain = () => settle(true);
        const onClose = () => settle(false);
        const timer = timers.after(stallMs, () => settle(false));
        response.on('drain', onDrain);
        response.on('close', onClose);
      }),
    end: () => void response.end(),
    destroy: () => void response.destroy(),
    onceClosed: (listener) => void response.once('close', listener),
  };
}
