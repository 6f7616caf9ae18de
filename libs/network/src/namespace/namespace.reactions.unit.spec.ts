import type { DomainModule, KindModule } from '@weft/api';
import { World } from '@weft/testing';
import { namespaceKey, networkDomain } from '../index.ts';
import { namespace, network } from '../testing/manifests.ts';

/** A kind that the network context has never heard of. */
const pool: KindModule = {
  group: 'lb.test',
  version: 'v1',
  kind: 'Pool',
  plural: 'pools',
  singular: 'pool',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'lb',
  partitionKey: ({ namespace: space = '' }) => space,
  hasStatus: false,
  tracksGeneration: false,
  columns: [],
  schema: {},
  defaults: (object) => object,
  rules: () => [],
  evolve: {},
  initialFacts: {},
  facetOf: () => undefined,
};
const lb: DomainModule = { context: 'lb', kinds: [pool], reservations: [], reactions: [] };

describe('A deleted namespace', () => {
  it('is emptied of the kinds of every context, and stays until it is', () => {
    const world = new World({ domains: [networkDomain, lb] });
    world.create(namespace('ns'));
    world.create(network('net'));
    world.create({ apiVersion: 'lb.test/v1', kind: 'Pool', metadata: { namespace: 'ns', name: 'held', finalizers: ['a.b/c'] } });
    world.create({ apiVersion: 'lb.test/v1', kind: 'Pool', metadata: { namespace: 'ns', name: 'free' } });
    const held = { kind: 'Pool', namespace: 'ns', name: 'held' };
    world.delete(namespaceKey('ns'));
    expect([world.fold.count('Pool', 'ns'), world.fold.count('Network', 'ns')]).toEqual([1, 0]);
    expect(world.object(held)?.metadata.deletionTimestamp).toBeDefined();
    expect(world.object(namespaceKey('ns'))?.status?.['phase']).toBe('Terminating');
    world.send({ verb: 'patch', key: held, patchType: 'merge', patch: { metadata: { finalizers: null } } });
    world.settle();
    expect([world.get(held), world.get(namespaceKey('ns'))]).toEqual([undefined, undefined]);
  });
});
