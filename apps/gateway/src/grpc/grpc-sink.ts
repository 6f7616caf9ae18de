import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Timers } from '@weft/api';
import type { Sink } from '../watch/sink.ts';
import type { Messages, Piece } from './streamed.ts';

/** Writes what streams of HTTP would write as messages of a call. `messagesOf` gets whole lines or frames. */
export function grpcSink(call: ServerWritableStream<unknown, unknown>, messagesOf: (piece: Piece) => Messages, timers: Timers): Sink {
  return {
    get closed() {
      return call.cancelled || call.destroyed || call.writableEnded;
    },
    write: (piece) => {
      let hasRoom = true;
      for (const message of messagesOf(piece)) hasRoom = call.write(message);
      return hasRoom;
    },
    drained: (stallMs) =>
      new Promise((resolve) => {
        if (call.cancelled || call.destroyed) return resolve(false);
        if (!call.writableNeedDrain) return resolve(true);
        const settle = (room: boolean) => {
          timer.cancel();
          call.off('drain', onDrain);
          call.off('cancelled', onEnd);
          call.off('close', onEnd);
          resolve(room);
        };
        const onDrain = () => settle(true);
        const onEnd = () => settle(false);
        const timer = timers.after(stallMs, onEnd);
        call.on('drain', onDrain);
        call.on('cancelled', onEnd);
        call.on('close', onEnd);
      }),
    // The transport ends the call when its handler has ended.
    end: () => {},
    destroy: () => void call.destroy(),
    onceClosed: (listener) => {
      call.once('cancelled', listener);
      call.once('close', listener);
    },
  };
}
