import type { EntryObject } from '@weft/fabric';
import { GroupedInventory } from './grouped-inventory.ts';

const slot = (key: string, section = 'nat_slot4', scope = 'r1'): EntryObject => ({
  kind: 'entry',
  scope,
  section,
  key,
  value: '',
  position: '1',
  owner: 'NATGateway/ns/nat',
});

describe('An inventory in groups', () => {
  const [one, two, wide] = [slot('203.0.113.1 . 1024-1087'), slot('203.0.113.2 . 1024-1087'), slot('203.0.113.0/24 . 80')];
  const near = (there: readonly EntryObject[], entry: EntryObject): readonly EntryObject[] => {
    const inventory = new GroupedInventory();
    for (const each of there) inventory.put(each);
    return [...inventory.near(entry)];
  };

  it('finds those that begin with the same address, and those that begin with a range', () => {
    expect(near([one, two, wide], slot('203.0.113.1 . 2048-2111'))).toEqual([one, wide]);
    expect(near([one, two, wide], slot('203.0.113.0/25 . 80'))).toEqual([one, two, wide]);
  });

  it('finds nothing of another section or scope, and nothing that has gone', () => {
    const inventory = new GroupedInventory();
    for (const each of [one, slot(one.key, 'nat_other4'), slot(one.key, 'nat_slot4', 'r200')]) inventory.put(each);
    expect([...inventory.near(one)]).toEqual([one]);
    inventory.put({ ...one, value: 'other' });
    expect([...inventory.near(one)]).toEqual([{ ...one, value: 'other' }]);
    inventory.drop('entry/r1/nat_slot4/203.0.113.1 . 1024-1087');
    expect([...inventory.near(one)]).toEqual([]);
  });
});
