import type { Append } from '@weft/api';
import fc from 'fast-check';
import { AppendsInOrder } from './appends-in-order.ts';
import { TrackedChange } from './tracked-change.ts';

const appendAt = (position: bigint): Append => {
  const actor = { user: 'tester', verified: false };
  const metadata = { actor, requestId: 'r', $correlationId: 'c', $causationId: 'c', time: '', append: { index: 0, count: 1 } };
  const stream = 'Thing-a.b';
  return { stream, position, revision: 0n, events: [{ id: 'e', type: 'T', data: {}, metadata, stream, revision: 0n, position }] };
};

/** The model: a list of what is remembered, in which all is looked for one by one. */
describe('Appends in order', () => {
  it('are found by position, and passed on as projectors read them, until their change is forgotten', () => {
    const step = fc.record({ of: fc.nat(7), forgets: fc.boolean(), reads: fc.boolean(), more: fc.nat(900) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const appends = new AppendsInOrder();
        let model: { position: bigint; change: TrackedChange; derived: boolean }[] = [];
        const changes = new Map<number, TrackedChange>();
        let position = 0n;
        for (const { of, forgets, reads, more } of steps) {
          for (let i = 0; i <= more; i++) {
            position += 2n;
            const change = changes.get(of) ?? new TrackedChange(appendAt(position), undefined);
            changes.set(of, change);
            change.append(appendAt(position));
            appends.push(position, change);
            model.push({ position, change, derived: false });
          }
          const readTo = position - BigInt(more);
          if (reads) {
            const expected = model.filter((each) => !each.derived && each.position <= readTo).map((each) => each.position);
            expect(Array.from(appends.underived(readTo), ([at]) => at)).toEqual(expected);
            appends.takeDerived(readTo);
            for (const each of model) if (each.position <= readTo) each.derived = true;
          }
          const [oldest] = changes;
          if (forgets && oldest !== undefined) {
            const [key, change] = oldest;
            changes.delete(key);
            appends.forget(change);
            model = model.filter((each) => each.change !== change);
          }
          expect(appends.size).toBe(model.length);
          for (const at of [0n, 2n, readTo, readTo - (readTo % 2n), position, position + 2n])
            expect(appends.at(at)).toBe(model.find((each) => each.position === at)?.change);
        }
      }),
      { numRuns: 50 },
    );
  });
});
