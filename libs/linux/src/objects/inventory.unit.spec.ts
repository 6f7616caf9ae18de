import { type KernelObject, keyOf } from '@weft/fabric';
import { Inventory } from './inventory.ts';

const router: KernelObject = { kind: 'router', vni: 7, mtu: 1_400, position: '1' };
const bucket = (number: number): KernelObject => ({
  kind: 'entry',
  ...{ scope: 'r7', section: 'lb_target4', key: `10.0.0.1 . ${number}`, value: '10.0.0.2', position: '2', owner: 'LoadBalancer/default/a' },
});

describe('What a driver believes the kernel holds', () => {
  it('has the buckets of a balancer among the objects of their network, until it goes', () => {
    const inventory = new Inventory();
    for (const object of [router, bucket(0), bucket(4_000)]) inventory.put(object);
    inventory.put(bucket(0));
    const keys = [router, bucket(0), bucket(4_000)].map(keyOf);
    expect([...inventory.keysOf(7)]).toEqual(keys);
    expect([...inventory.entriesOf(7)]).toEqual([bucket(0), bucket(4_000)]);
    expect(inventory.usersOf('router/7')).toBe(2);
    inventory.drop('router/7');
    expect([...inventory.vnis]).toEqual([7]);
    inventory.dropNetwork(7);
    expect([inventory.isEmpty, ...inventory.vnis, ...inventory.keysOf(7)]).toEqual([true]);
  });
});
