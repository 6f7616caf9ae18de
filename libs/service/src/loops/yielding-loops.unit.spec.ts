/** Loops that yield to others (`Loop.yields`), on the board that asks them. */
import { appendOf, createFold, type Loop, loopOver, registry, streamOf, uuidv5 } from '@weft/api';
import { LoopBoard } from '@weft/derive';
import { Thing, thingDomain, thingKey } from '../testing/things.ts';

const ROOT = '6f1d3c5e-0000-5000-8000-000000000002';

/** A board with a loop that does not yield and one that does, and `count` things to ask both about. Each question takes so many ms. */
function given(count: number, { askedMs = 0, isUnderWay = false, restMs = 0 } = {}) {
  let nowMs = 0;
  const loop = (name: string, more: Partial<Loop> = {}): Loop => ({
    ...loopOver(Thing, { name, context: 'network', owed: () => [] }),
    ...more,
  });
  const loops = [loop('patient', { yields: true }), loop('prompt')];
  const domains = registry([thingDomain(loops)]);
  const fold = createFold(domains);
  const board = new LoopBoard({ registry: domains, loops, world: fold, nowMs: () => nowMs });
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
  if (restMs > 0) {
    for (let next = board.next(); next !== undefined; next = board.next()) asked.push(next.loop.name);
    nowMs += restMs;
    write(
      'later',
      'ThingCreated.v1',
      { metadata: { namespace: 'a', name: 'later', uid: 'later', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: {} },
      0n,
    );
  }
  for (let next = board.next(isUnderWay); next !== undefined; next = board.next(isUnderWay)) {
    asked.push(next.loop.name);
    nowMs += askedMs;
  }
  return asked;
}

describe('A loop that yields', () => {
  it('is asked when no other loop waits', () => {
    expect(given(3)).toEqual(['prompt', 'prompt', 'prompt', 'patient', 'patient', 'patient']);
  });

  it('is not asked while commands are under way', () => {
    expect(given(3, { isUnderWay: true })).toEqual(['prompt', 'prompt', 'prompt']);
  });

  it('is asked about some keys all the same, four times a second', () => {
    const asked = given(600, { askedMs: 1, isUnderWay: true });
    const turns = asked.flatMap((name, i) => (name === 'patient' ? [i] : []));
    const eight = (from: number) => Array.from({ length: 8 }, (_, i) => from + i);
    expect(turns).toEqual([...eight(250), ...eight(500)]);
  });

  it('does not come first after a rest', () => {
    expect(given(1, { restMs: 1_000 })).toEqual(['prompt', 'patient', 'prompt', 'patient']);
  });
});
