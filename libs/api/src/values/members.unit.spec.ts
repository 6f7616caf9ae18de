import fc from 'fast-check';
import { anyMember, type Members, memberOf, membersIn, withMember, withoutMember } from './members.ts';

describe('members of a large object', () => {
  it('given random joins and leaves, then it holds what a Map holds, in the order of keys, and old versions stay as they were', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '10', '2'), entry: fc.option(fc.integer()) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const model = new Map<string, number>();
        let members: Members<number> = {};
        const versions: [Members<number>, string][] = [];
        for (const { key, entry } of steps) {
          versions.push([members, JSON.stringify(membersIn(members))]);
          if (entry === null) model.delete(key);
          else model.set(key, entry);
          members = entry === null ? withoutMember(members, key) : withMember(members, key, entry);
          expect(memberOf(members, key)).toBe(model.get(key));
          const some = anyMember(members);
          expect(some === undefined ? model.size : [...model.values()].includes(some)).toBe(some === undefined ? 0 : true);
        }
        expect(membersIn(members)).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
        for (const [version, text] of versions) expect(JSON.stringify(membersIn(version))).toBe(text);
      }),
    );
  });

  it('given nothing under a key, when it leaves, then the members are the same', () => {
    const members = withMember({}, 'a', 1);
    expect(withoutMember(members, 'b')).toBe(members);
    expect(withoutMember(members, 'a')).toEqual({});
  });
});
