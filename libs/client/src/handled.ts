import type { WeftEvent } from './cloud-event.ts';
import { pause, type Timers } from './timers.ts';

export type Handling = Readonly<{
  handle: (event: WeftEvent, signal: AbortSignal) => void | Promise<void>;
  onRetry?: (error: Error) => void;
  timers?: Timers;
}>;

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 30_000;

/** Calls a handler until it has done the event. False when `signal` had said so before, or `ends` does after a failure. The handler is given `signal`. */
export async function handled(
  event: WeftEvent,
  { handle, onRetry }: Handling,
  timers: Timers,
  signal: AbortSignal,
  ends: AbortSignal = signal,
): Promise<boolean> {
  for (let failures = 0; failures === 0 ? !signal.aborted : !ends.aborted; failures++) {
    try {
      await handle(event, signal);
      return true;
    } catch (error) {
      onRetry?.(error as Error);
      await pause(timers, Math.min(RETRY_MS_MIN * 2 ** Math.min(failures, 10), RETRY_MS_MAX), ends);
    }
  }
  return false;
}
