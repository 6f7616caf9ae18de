import { EventEmitter } from 'node:events';
import { onEndSignal } from './end-signals.ts';

/** How often `ended` was called, and the exit codes, when signals come at these times. */
function whenSignalled(...times: readonly number[]): { ended: number; exits: number[] } {
  const signals = new EventEmitter();
  const exits: number[] = [];
  let ended = 0;
  let nowMs = 0;
  const here = { on: signals.on.bind(signals), exit: (code: number) => exits.push(code) };
  onEndSignal(
    () => ended++,
    here,
    () => nowMs,
  );
  for (const [at, time] of times.entries()) {
    nowMs = time;
    signals.emit(at === 0 ? 'SIGINT' : 'SIGTERM');
  }
  return { ended, exits };
}

describe('onEndSignal', () => {
  it('takes one request that arrives twice for one', () => {
    expect(whenSignalled(5_000, 5_010)).toEqual({ ended: 1, exits: [] });
  });
  it('ends the process at once when asked a second time', () => {
    expect(whenSignalled(5_000, 6_500)).toEqual({ ended: 1, exits: [130] });
  });
});
