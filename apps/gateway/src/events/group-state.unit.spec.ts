import fc from 'fast-check';
import { type GroupReport, type GroupState, groupData, groupIn, heldBy, newGroup, reported, shareOf, surplusOf } from './group-state.ts';

const NOBODY: ReadonlySet<string> = new Set();
const says = (member: string, more: Partial<GroupReport> = {}): GroupReport => ({
  member,
  done: new Map(),
  released: new Set(),
  leaves: false,
  ...more,
});
const at = (position: number) => `${position}-00000000`;
/** Gives back what it is asked to. */
const obeys = (state: GroupState, member: string) => reported(state, says(member, { released: new Set(surplusOf(state, member)) }), NOBODY);

describe('A group of subscribers', () => {
  it('gives everything to its first member, and to the next one what that gives back', () => {
    const first = reported(newGroup(at(7), 4), says('a'), NOBODY);
    expect([heldBy(first, 'a'), surplusOf(first, 'a')]).toEqual([[0, 1, 2, 3], []]);
    const both = reported(first, says('b'), NOBODY);
    expect([heldBy(both, 'b'), surplusOf(both, 'a')]).toEqual([[], [2, 3]]);
    const given = reported(both, says('a', { done: new Map([[2, at(9)]]), released: new Set([2, 3]) }), NOBODY);
    const taken = reported(given, says('b'), NOBODY);
    expect([heldBy(taken, 'a'), heldBy(taken, 'b')]).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(taken.parts.map(({ cursor }) => cursor)).toEqual([at(7), at(7), at(9), at(7)]);
  });

  it('takes how far a part is from who holds it alone, and never back', () => {
    const held = reported(newGroup(at(7), 2), says('a', { done: new Map([[0, at(9)]]) }), NOBODY);
    expect(held.parts[0]?.cursor).toBe(at(7)); // It was given it by this very report.
    const done = reported(held, says('a', { done: new Map([[0, at(9)]]) }), NOBODY);
    expect(done.parts[0]?.cursor).toBe(at(9));
    expect(reported(done, says('a', { done: new Map([[0, at(8)]]) }), NOBODY)).toBe(done);
    expect(reported(done, says('b', { done: new Map([[0, at(12)]]) }), NOBODY).parts[0]?.cursor).toBe(at(9));
  });

  it('lets others have what one held that left or is gone', () => {
    const both = obeys(reported(reported(newGroup(at(1), 3), says('a'), NOBODY), says('b'), NOBODY), 'a');
    const left = reported(both, says('a', { done: new Map([[0, at(5)]]), leaves: true }), NOBODY);
    expect([left.members, left.parts[0]]).toEqual([['b'], { cursor: at(5) }]);
    expect(heldBy(reported(left, says('b'), NOBODY), 'b')).toEqual([0, 1, 2]);
    expect(heldBy(reported(both, says('b'), new Set(['a'])), 'b')).toEqual([0, 1, 2]);
  });

  it('stands in the log as it is', () => {
    const state = obeys(reported(reported(newGroup('0', 5), says('a'), NOBODY), says('b'), NOBODY), 'a');
    expect(groupIn(JSON.parse(JSON.stringify(groupData(state))))).toEqual(state);
  });

  const steps = fc.array(
    fc.record({
      member: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      leaves: fc.boolean(),
      isObedient: fc.boolean(),
      gone: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { nil: undefined }),
      done: fc.dictionary(fc.constantFrom('0', '3', '6'), fc.nat(50)),
    }),
    { maxLength: 60 },
  );

  it('never moves a part from a member that has not given it back, and comes to rest with fair shares', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 9 }), (reports, parts) => {
        let state = newGroup('0', parts);
        for (const { member, leaves, isObedient, gone, done } of reports) {
          const released = new Set(isObedient ? surplusOf(state, member) : []);
          const cursors = new Map(Object.entries(done).map(([part, position]) => [Number(part), at(position)]));
          const left = new Set<string>(gone === undefined || gone === member ? [] : [gone]);
          const next = reported(state, { member, leaves, released, done: cursors }, left);
          for (const [number, { cursor, holder }] of state.parts.entries()) {
            const after = next.parts[number];
            expect(BigInt(after?.cursor.split('-')[0] as string)).toBeGreaterThanOrEqual(BigInt(cursor.split('-')[0] as string));
            const mayGo = holder === undefined || left.has(holder) || (holder === member && (leaves || released.has(number)));
            if (!mayGo) expect(after?.holder).toBe(holder);
          }
          state = next;
        }
        for (let round = 0; round < 3; round++) for (const member of state.members) state = obeys(state, member);
        for (const member of state.members) expect(heldBy(state, member)).toHaveLength(shareOf(state, member));
        if (state.members.length > 0) expect(state.parts.every(({ holder }) => holder !== undefined)).toBe(true);
      }),
    );
  });
});
