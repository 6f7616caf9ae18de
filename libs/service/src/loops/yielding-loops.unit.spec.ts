/** Loops that yield to others (`Loop.yields`), on the board that asks them. */
import { appendOf, createFold, type Loop, loopOver, registry, streamOf, uuidv5 } from '@weft/api';
import { LoopBoard } from '@weft/derive';
import { Thing, thingDomain, thingKey } from '../testing/things.ts';

const ROOT = '6f1d3c5e-0000-5000-8000-000000000002';

/** A board with a loop that does not yield and one that does, and `count` things to ask both about. */
function given(count: number) {
  const loop = (name: string, more: Partial<Loop> = {}): Loop => ({
    ...loopOver(Thing, { name, context: 'network', owed: () => [] }),
    ...more,
  });
  const loops = [loop('patient', { yields: true }), loop('prompt')];
  const domains = registry([thingDomain(loops)]);
  const fold = createFold(domains);
  const board = new LoopBoard({ registry: domains, loops, world: fold, nowMs: () => 0 });
  let position = 0n;
  const write = (name: string, type: string, data: object, revision: bigint): void => {
    position += 1n;
    const id = uuidv5(ROOT, `${position}`);
    const time = '2026-01-01T00:00:00.000Z';
    const actor = { user: 'test', verified: false };
    const metadata = { actor, requestId: id, $correlationId: id, $causationId: id, time, append: { index: 0, count: 1 } };
    const stream = streamOf(thingKey('a', name));
    board.apply(fold.apply(appendOf([{ id, type, data: data as never, stream, revision, position, metadata }])));
  };
  for (let i = 0; i < count; i++) {
    const metadata = { namespace: 'a', name: `n${i}`, uid: `u${i}`, creationTimestamp: '2026-01-01T00:00:00Z' };
    write(`n${i}`, 'ThingCreated.v1', { metadata, spec: {} }, 0n);
  }
  const asked: string[] = [];
  for (let next = board.next(); next !== undefined; next = board.next()) asked.push(next.loop.name);
  return asked;
}

describe('A loop that yields', () => {
  it('is asked when no other loop waits', () => {
    expect(given(3)).toEqual(['prompt', 'prompt', 'prompt', 'patient', 'patient', 'patient']);
  });

  it('has its turn all the same when others wait for long', () => {
    const asked = given(600);
    expect(asked).toHaveLength(1_200);
    expect(asked.flatMap((name, i) => (name === 'patient' && i < 600 ? [i] : []))).toEqual([256, 513]);
  });
});
