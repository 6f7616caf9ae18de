import fc from 'fast-check';
import { append, dropOldest, emptyQueue, oldest } from './queue.ts';

describe('A queue', () => {
  it('gives items in order, and its list is at most twice as long as needed', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 200 }), (steps) => {
        const queue = emptyQueue<number>();
        const expected: number[] = [];
        steps.forEach((adds, i) => {
          if (adds) {
            append(queue, i);
            expected.push(i);
          } else {
            dropOldest(queue);
            expected.shift();
          }
          expect([oldest(queue), queue.items.slice(queue.first)]).toEqual([expected[0], expected]);
          expect(queue.items.length).toBeLessThanOrEqual(2 * expected.length);
        });
      }),
    );
  });

  it('moves its items seldom', () => {
    const queue = emptyQueue<number>();
    for (let i = 0; i < 1_000; i++) append(queue, i);
    const { items } = queue;
    for (let i = 0; i < 400; i++) dropOldest(queue);
    expect(queue.items).toBe(items);
  });
});
