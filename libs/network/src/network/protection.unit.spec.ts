/** Who keeps a deleted Network, besides interfaces and peerings (`conformance.unit.spec.ts`). */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { World, WrittenLog } from '@weft/testing';
import { networkDomain } from '../index.ts';
import { networkKey } from '../keys.ts';
import { namespace, network, nic } from '../testing/manifests.ts';
import { standIns } from '../testing/stand-ins.ts';

const NET = networkKey('ns', 'net');
const user = (kind: string, name: string, ns = 'ns'): JsonObject => ({
  kind,
  metadata: { namespace: ns, name },
  spec: { networkRef: { name: 'net' } },
});
const keyOf = (kind: string, name: string, ns = 'ns'): ObjectKey => ({ kind, namespace: ns, name });

function started(): World {
  const world = new World({ domains: [networkDomain, ...standIns] });
  for (const ns of ['ns', 'other']) {
    world.create(namespace(ns));
    world.create(network('net', {}, ns));
  }
  return world;
}
const blocked = (world: World) => conditionOf(world.object(NET)!, 'DeletionBlocked')?.message;

describe('A deleted Network', () => {
  it.each(['LoadBalancer', 'NATGateway'])('resources E-8: is held back by a %s until that is deleted', (kind) => {
    const world = started();
    world.create(user(kind, 'user'));
    world.delete(NET);
    expect(blocked(world)).toBe(`in use by ${kind} user`);
    world.delete(keyOf(kind, 'user'));
    expect(world.get(NET)).toBeUndefined();
  });

  it('resources E-7: is not held back by a NetworkPolicy', () => {
    const world = started();
    world.create(user('NetworkPolicy', 'policy'));
    world.delete(NET);
    expect(world.get(NET)).toBeUndefined();
  });

  it.each(['LoadBalancer', 'NATGateway'])('is not held back by a %s of its namesake in another namespace', (kind) => {
    const world = started();
    world.create(user(kind, 'user', 'other'));
    world.delete(NET);
    expect(world.get(NET)).toBeUndefined();
  });

  it('is not held back by users that are being deleted themselves (resources 3.1)', () => {
    const world = started();
    world.create({ ...user('LoadBalancer', 'leaving'), metadata: { namespace: 'ns', name: 'leaving', finalizers: ['example.com/hold'] } });
    world.delete(keyOf('LoadBalancer', 'leaving'));
    world.delete(NET);
    expect(world.get(keyOf('LoadBalancer', 'leaving'))).toBeDefined();
    expect(world.get(NET)).toBeUndefined();
  });

  it('names the first five of its users, of all kinds', () => {
    const world = started();
    world.create(nic('nic', 'net', ['10.0.0.1']));
    for (const name of ['a', 'b', 'c', 'd', 'e']) world.create(user('LoadBalancer', name));
    world.delete(NET);
    expect(blocked(world)).toMatch(/^in use by NetworkInterface nic, LoadBalancer .*, LoadBalancer [a-e] and others$/);
    world.delete(keyOf('NetworkInterface', 'nic'));
    expect(blocked(world)).toMatch(/^in use by LoadBalancer [a-e](, LoadBalancer [a-e]){4}$/);
  });

  it('says the same in whatever order its users came, and names none of very many', () => {
    const saidAfter = (names: readonly string[]) => {
      const world = started();
      for (const name of names) world.create(user('LoadBalancer', name));
      world.delete(NET);
      return blocked(world);
    };
    const names = Array.from({ length: 12 }, (_, i) => `user-${i}`);
    expect(saidAfter(names)).toMatch(/^in use by LoadBalancer user-0, LoadBalancer user-1, LoadBalancer user-10, .* and others$/);
    expect(saidAfter(names.toReversed())).toBe(saidAfter(names));
    expect(saidAfter(Array.from({ length: 65 }, (_, i) => `user-${i}`))).toBe('in use by more than 64 objects');
  });

  it('ends where the contexts of those kinds are not there at all', () => {
    const log = new WrittenLog([networkDomain]);
    log.create(NET, { finalizers: ['networking.ironcore.dev/network'] });
    log.requestDeletion(NET);
    expect(log.owed('protect-network')).toEqual([{ target: 'object', key: NET, action: 'Unprotect', payload: {} }]);
  });
});
