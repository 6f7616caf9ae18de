import { Lanes } from './lanes.ts';

describe('Lanes', () => {
  it('run one item of a lane at a time, in order, and several lanes in parallel', () => {
    const lanes = new Lanes<string>();
    for (const item of ['a1', 'a2', 'b1', 'a3']) lanes.add(item[0], item);
    expect([lanes.take(), lanes.take(), lanes.take()]).toEqual([{ item: 'a1', lane: 'a' }, { item: 'b1', lane: 'b' }, undefined]);
    lanes.free('a');
    expect([lanes.take(), lanes.take()]).toEqual([{ item: 'a2', lane: 'a' }, undefined]);
    lanes.free('b');
    lanes.free('a');
    expect(lanes.take()).toEqual({ item: 'a3', lane: 'a' });
    lanes.free('a');
    lanes.add('a', 'a4');
    expect(lanes.take()).toEqual({ item: 'a4', lane: 'a' });
  });

  it('give up what was not taken; a lane whose item is under way stays taken', () => {
    const lanes = new Lanes<string>();
    for (const item of ['a1', 'a2', 'b1', 'b2']) lanes.add(item[0], item);
    lanes.add(undefined, 'c');
    expect(lanes.take()).toEqual({ item: 'a1', lane: 'a' });
    expect([...lanes.clear()].sort()).toEqual(['a2', 'b1', 'b2', 'c']);
    for (const item of ['a3', 'b3']) lanes.add(item[0], item);
    expect([lanes.take(), lanes.take()]).toEqual([{ item: 'b3', lane: 'b' }, undefined]);
    lanes.free('a');
    expect(lanes.take()).toEqual({ item: 'a3', lane: 'a' });
  });

  it('run items without a lane at once', () => {
    const lanes = new Lanes<number>();
    for (let i = 0; i < 200; i++) lanes.add(undefined, i);
    const taken = Array.from({ length: 200 }, () => lanes.take()?.item);
    expect(taken).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(lanes.take()).toBeUndefined();
  });
});
