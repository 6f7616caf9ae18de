/** The signals that ask a process to end, and what it logs from then on. */
import { systemClock } from '@weft/api';

export const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One request may arrive twice: from the terminal, and passed on by npm. A second one after so long is a request of its own. */
const SAME_REQUEST_MS = 1_000;

export type SignalledProcess = Readonly<{ on(signal: NodeJS.Signals, listener: () => void): unknown; exit(code: number): void }>;

/** Calls `ended` once, at the first signal. A second request ends the process at once, since whoever asks twice does not want to wait. */
export function onEndSignal(ended: () => void, here: SignalledProcess = process, nowMs: () => number = systemClock.monotonicMs): void {
  let askedMs: number | undefined;
  const asked = () => {
    if (askedMs === undefined) {
      askedMs = nowMs();
      ended();
    } else if (nowMs() - askedMs > SAME_REQUEST_MS) here.exit(130);
  };
  for (const signal of END_SIGNALS) here.on(signal, asked);
}

/**
 * Logs nothing below `level` from now on: Ctrl-C reaches the whole process group, so the bus may end before we do, and nobody needs to read of it.
 */
export function quieten(log: { level: string }, level: 'error' | 'fatal' = 'error'): void {
  if (log.level !== 'debug' && log.level !== 'trace') log.level = level;
}
