import { Slices } from './slices.ts';

describe('Slices', () => {
  let nowMs: number;
  let waiting: (() => void)[];
  let slices: Slices;
  beforeEach(() => {
    nowMs = 100;
    waiting = [];
    slices = new Slices({
      monotonicMs: () => nowMs,
      soon: (run) => {
        waiting.push(run);
        return { cancel: () => undefined };
      },
    });
  });
  function turn(): void {
    for (const run of waiting.splice(0)) run();
  }

  it('let work go on for 5 ms, then wait for the next turn of the event loop', async () => {
    expect(slices.next()).toBeUndefined();
    nowMs += 4;
    expect(slices.next()).toBeUndefined();
    nowMs += 1;
    let went = false;
    const next = slices.next()?.then(() => (went = true));
    await Promise.resolve();
    expect([next, went]).toEqual([expect.any(Promise), false]);
    turn();
    expect(await next).toBe(true);
    expect(slices.next()).toBeUndefined();
    nowMs += 4;
    expect(slices.next()).toBeUndefined();
  });

  it('are shared by many who work side by side', async () => {
    const worked: number[] = [];
    let turns = 0;
    const all = Promise.all(
      Array.from({ length: 20 }, async () => {
        const turn = slices.turn();
        if (turn !== undefined) await turn;
        nowMs += 2;
        worked.push(turns);
      }),
    );
    for (turns = 1; worked.length < 20 && turns < 50; turns++) {
      for (const run of waiting.splice(0)) {
        run();
        for (let i = 0; i < 50; i++) await Promise.resolve(); // As between two callbacks of the machine.
      }
    }
    await all;
    expect(Math.max(...worked.map((turn) => worked.filter((other) => other === turn).length))).toBeLessThanOrEqual(4);
  });

  it('begin anew with each turn of the event loop, however much time has passed between', () => {
    expect(slices.next()).toBeUndefined();
    turn();
    nowMs += 1_000;
    expect(slices.next()).toBeUndefined();
    expect(waiting).toHaveLength(1);
  });

  it('leave a turn to who waits for it beside work that takes all of each slice', async () => {
    let [ended, had] = [false, false];
    const work = (async () => {
      while (!ended) {
        nowMs += 6;
        await slices.next();
      }
    })();
    void slices.turn();
    nowMs += 5;
    const waiter = slices.turn()?.then(() => (had = true));
    for (let turns = 0; turns < 10; turns++) {
      for (const run of waiting.splice(0)) {
        run();
        for (let i = 0; i < 50; i++) await Promise.resolve();
      }
    }
    expect([waiter, had]).toEqual([expect.any(Promise), true]);
    ended = true;
    turn();
    await work;
  });
});
