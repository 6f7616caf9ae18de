import { Lanes } from './lanes.ts';

describe('Lanes', () => {
  it('run one item of a lane at a time, in order, and lanes beside each other', () => {
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

  it('run items without a lane at once', () => {
    const lanes = new Lanes<number>();
    for (let i = 0; i < 200; i++) lanes.add(undefined, i);
    const taken = Array.from({ length: 200 }, () => lanes.take()?.item);
    expect(taken).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(lanes.take()).toBeUndefined();
  });
});
