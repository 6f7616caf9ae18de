/** Peerings with all loops in World: resources 3.2, 3.3, 3.16, 4.1; provider 2.2, 3.4. */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { World } from '@weft/testing';
import { networkDomain } from '../index.ts';
import { networkKey, nicKey } from '../keys.ts';
import { namespace, network, nic } from '../testing/manifests.ts';
import { BLOCKS_MAX } from './address-blocks.ts';

type Item = Readonly<{ name: string; to: string; prefixes?: readonly JsonObject[] }>;

/** `to`: `<name>`, or `<namespace>/<name>`. */
function peerings(...items: readonly Item[]): JsonObject {
  const list = items.map(({ name, to, prefixes }): JsonObject => {
    const slash = to.indexOf('/');
    const networkRef = slash < 0 ? { name: to } : { namespace: to.slice(0, slash), name: to.slice(slash + 1) };
    return { name, networkRef, ...(prefixes && { prefixes: [...prefixes] }) };
  });
  return { peerings: list };
}

const keyOf = (text: string): ObjectKey => {
  const [ns, name] = text.includes('/') ? text.split('/') : ['ns', text];
  return networkKey(ns as string, name as string);
};

class Peerings {
  readonly world: World;

  constructor(seed: number, options: ConstructorParameters<typeof World>[0] = {}) {
    this.world = new World({
      seed,
      duplicates: 0.3,
      domains: [networkDomain, ipamDomain],
      externalProvider: true,
      ...options,
    });
    for (const ns of ['ns', 'ns1']) this.world.create(namespace(ns));
  }

  network(text: string, ...items: readonly Item[]): this {
    const { namespace: ns = '', name } = keyOf(text);
    this.world.create(network(name, items.length === 0 ? {} : peerings(...items), ns));
    return this;
  }

  names(text: string, ...items: readonly Item[]): this {
    this.world.patch(keyOf(text), { spec: items.length === 0 ? { peerings: null } : peerings(...items) });
    return this;
  }

  nic(name: string, network: string, ip: string): this {
    this.world.create(nic(name, network, [ip]));
    return this;
  }

  prefix(name: string, spec: JsonObject): this {
    this.world.create({ apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'Prefix', metadata: { namespace: 'ns', name }, spec });
    return this;
  }

  uid(text: string): string {
    return this.world.object(keyOf(text))?.metadata.uid ?? '';
  }

  /** `<namespace>/<name>` of who is accepted; the uid of each must be that of the living one. */
  incoming(text: string): readonly string[] {
    const claims = (this.world.object(keyOf(text))?.spec?.['incomingPeerings'] ?? []) as { namespace: string; name: string; uid: string }[];
    for (const claim of claims) expect(claim.uid).toBe(this.uid(`${claim.namespace}/${claim.name}`));
    return claims.map(({ namespace: ns, name }) => `${ns}/${name}`).sort();
  }

  status(text: string): JsonObject[] {
    return (this.world.object(keyOf(text))?.status?.['peerings'] ?? []) as JsonObject[];
  }

  condition(text: string, type: string) {
    const object = this.world.object(keyOf(text));
    return object && conditionOf(object, type);
  }

  delete(text: string): this {
    this.world.delete(keyOf(text));
    return this;
  }
}

describe.each([1, 2, 3, 4])('Peerings, loops in the order of seed %i', (seed) => {
  const start = () => new Peerings(seed);
  const to = (name: string, target: string, prefixes?: readonly JsonObject[]): Item => ({
    name,
    to: target,
    ...(prefixes && { prefixes }),
  });

  it('resources C-1: in a star the centre lists all others, and they list it', () => {
    const site = start().network(
      'network-1',
      to('peering-1', 'ns/network-2'),
      to('peering-2', 'network-3'),
      to('peering-3', 'ns/network-4'),
    );
    for (const i of [2, 3, 4]) site.network(`network-${i}`, to(`peering-${i}`, 'ns/network-1'));
    expect(site.incoming('network-1')).toEqual(['ns/network-2', 'ns/network-3', 'ns/network-4']);
    for (const i of [2, 3, 4]) expect(site.incoming(`network-${i}`)).toEqual(['ns/network-1']);
    for (const i of [1, 2, 3, 4]) site.delete(`network-${i}`);
    for (const i of [1, 2, 3, 4]) expect(site.world.get(keyOf(`network-${i}`))).toBeUndefined();
  });

  it('resources C-2, provider C-26: two of different namespaces list each other, and both are bound', () => {
    const site = start().network('network-1', to('peering-1', 'ns1/network-2')).network('ns1/network-2', to('peering-1', 'ns/network-1'));
    expect([site.incoming('network-1'), site.incoming('ns1/network-2')]).toEqual([['ns1/network-2'], ['ns/network-1']]);
    for (const one of ['network-1', 'ns1/network-2']) {
      expect(site.status(one)).toEqual([{ name: 'peering-1', state: 'Ready', phase: 'Bound' }]);
      expect(site.condition(one, 'Peered')).toMatchObject({ status: 'True', reason: 'Bound' });
    }
  });

  it('resources C-3, Z-2: a network that names another one than the one that names it is not accepted', () => {
    const site = start().network('network-1', to('p', 'ns1/network-2')).network('network-2', to('p', 'ns/network-other'));
    expect([site.incoming('network-1'), site.incoming('network-2')]).toEqual([[], []]);
    expect(site.status('network-1')).toEqual([{ name: 'p', state: 'Pending', phase: 'Pending' }]);
    expect(site.condition('network-1', 'Peered')).toMatchObject({ status: 'False', reason: 'PeerNotFound' });
    expect(site.condition('network-1', 'Peered')?.message).toContain('ns1/network-2');
    site.network('network-other');
    expect(site.condition('network-2', 'Peered')).toMatchObject({ status: 'False', reason: 'PeerDoesNotAgree' });
  });

  it('resources C-4, Z-11: in a triangle each lists the two others', () => {
    const site = start();
    const names = ['network-1', 'network-2', 'network-3'];
    for (const name of names) site.network(name, ...names.filter((each) => each !== name).map((each, i) => to(`peering-${i}`, each)));
    for (const name of names) expect(site.incoming(name)).toEqual(names.filter((each) => each !== name).map((each) => `ns/${each}`));
  });

  it('resources C-5, E-3, provider C-29: one peer that is missing holds up no other, and is bound as soon as it is there', () => {
    const site = start()
      .network('network-1', to('peering-1', 'network-2'), to('peering-2', 'network-3'))
      .network('network-3', to('p', 'ns/network-1'));
    expect([site.incoming('network-1'), site.incoming('network-3')]).toEqual([['ns/network-3'], ['ns/network-1']]);
    expect(site.status('network-1').map(({ phase }) => phase)).toEqual(['Pending', 'Bound']);
    site.network('network-2', to('p', 'network-1'));
    expect(site.status('network-1').map(({ phase }) => phase)).toEqual(['Bound', 'Bound']);
  });

  it('resources C-6, Z-5: when one withdraws, both lose the other; the other one keeps its item', () => {
    const site = start().network('network-1', to('a', 'network-2')).network('network-2', to('b', 'network-1'));
    site.names('network-1');
    expect([site.incoming('network-1'), site.incoming('network-2')]).toEqual([[], []]);
    expect(site.status('network-1')).toEqual([]);
    expect(site.condition('network-1', 'Peered')).toBeUndefined();
    expect(site.status('network-2')).toEqual([{ name: 'b', state: 'Pending', phase: 'Pending' }]);
  });

  it('resources E-1, Z-4: who is not Available is not accepted, yet accepts', () => {
    const site = start();
    const world = site.world;
    const state = (name: string, value: string) =>
      world.do({ verb: 'patch', key: keyOf(name), patchType: 'merge', patch: { status: { state: value } }, subresource: 'status' });
    site.network('a', to('x', 'b')).network('b', to('y', 'a'));
    state('a', 'Error');
    expect([site.incoming('a'), site.incoming('b')]).toEqual([['ns/b'], []]);
    expect(site.condition('b', 'Peered')).toMatchObject({ status: 'False', reason: 'PeerNotAvailable' });
    state('a', 'Available');
    expect([site.incoming('a'), site.incoming('b')]).toEqual([['ns/b'], ['ns/a']]);
  });

  it('resources E-2, Z-3: names of items are each side’s own', () => {
    const site = start().network('a', to('left', 'b')).network('b', to('right', 'a'));
    expect([site.status('a')[0]?.['name'], site.status('b')[0]?.['name']]).toEqual(['left', 'right']);
    expect([site.status('a')[0]?.['phase'], site.status('b')[0]?.['phase']]).toEqual(['Bound', 'Bound']);
  });

  it('resources E-6: a hand-written claim of a network that does not name this one is removed', () => {
    const site = start().network('a').network('b', to('p', 'a'));
    site.world.patch(keyOf('b'), { spec: { incomingPeerings: [{ namespace: 'ns', name: 'a', uid: site.uid('a') }] } });
    expect(site.incoming('b')).toEqual([]);
  });

  it('resources C-6, 1.6: a hand-written list is completed, two of one name in two namespaces are kept apart (Z-10)', () => {
    const site = start().network('a', to('p', 'ns/x'), to('q', 'ns1/x')).network('x', to('p', 'a')).network('ns1/x', to('p', 'ns/a'));
    expect(site.incoming('a')).toEqual(['ns/x', 'ns1/x']);
    site.world.patch(keyOf('a'), { spec: { incomingPeerings: null } });
    expect(site.incoming('a')).toEqual(['ns/x', 'ns1/x']);
  });

  it('resources Z-9: a peer that was made again is accepted as the new one, and never bound as the old one', () => {
    const site = start().network('a', to('p', 'ns1/b')).network('ns1/b', to('p', 'ns/a'));
    const before = site.uid('ns1/b');
    site.names('a').delete('ns1/b').network('ns1/b', to('p', 'ns/a')).names('a', to('p', 'ns1/b'));
    expect(site.uid('ns1/b')).not.toBe(before);
    expect(site.incoming('a')).toEqual(['ns1/b']);
    expect(site.status('a')).toEqual([{ name: 'p', state: 'Ready', phase: 'Bound' }]);
  });

  it('resources 3.2: one that is being deleted is accepted by who names it, but accepts nobody: the two are never bound, and the peering says so', () => {
    const site = start().network('b', to('p', 'a')).network('user', to('p', 'b'));
    site.world.patch(keyOf('b'), { metadata: { finalizers: ['example.com/hold'] } });
    site.delete('b').network('a', to('p', 'b'));
    expect([site.incoming('a'), site.incoming('b')]).toEqual([['ns/b'], []]);
    expect(site.condition('a', 'Peered')).toMatchObject({ status: 'False', reason: 'PeerDeleting' });
  });

  it('resources 3.2: one that is being deleted stays bound to those that it had accepted', () => {
    const site = start().network('a', to('p', 'b')).network('b', to('p', 'a'));
    site.delete('b');
    expect([site.incoming('a'), site.incoming('b')]).toEqual([['ns/b'], ['ns/a']]);
    expect(site.condition('a', 'Peered')).toMatchObject({ status: 'True' });
    expect(site.status('a')).toEqual([{ name: 'p', state: 'Ready', phase: 'Bound' }]);
  });

  it('given commands of a loop that saw an older state, then nothing is accepted or bound that is not agreed', () => {
    const site = start().network('a').network('b', to('p', 'a'));
    const peer = { namespace: 'ns', name: 'b', uid: site.uid('b') };
    const { revision } = site.world.get(keyOf('a')) ?? {};
    site.world.act(keyOf('a'), 'AcceptPeers', { peers: [peer], released: [] });
    site.world.act(keyOf('a'), 'BindPeerings', { bound: [{ peer }], unbound: [], conditions: [], ended: [] });
    expect(site.world.get(keyOf('a'))?.revision).toBe(revision);
  });

  it('given a peering that is withdrawn, then the same append ends its binding', () => {
    const site = start().network('a', to('p', 'b')).network('b', to('p', 'a'));
    site.world.send({ verb: 'patch', key: keyOf('a'), patchType: 'merge', patch: { spec: { peerings: null } } });
    const last = site.world.appends.at(-1);
    expect(last?.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['NetworkPeeringWithdrawn.v1', 'NetworkPeeringsUnbound.v1']),
    );
  });

  describe('filters', () => {
    const literal = { name: 'services', prefix: '10.40.0.0/20' };
    const reference = { name: 'dns', prefixRef: { name: 'anycast' } };
    const bound = (site: Peerings) => site.network('b', to('back', 'a'));

    it('provider C-27: literals and ranges of Prefixes that are Allocated are exposed', () => {
      const site = bound(
        start()
          .prefix('anycast', { prefix: '10.53.0.0/24' })
          .network('a', to('p', 'b', [literal, reference])),
      );
      const prefixes = [literal, { name: 'dns', prefix: '10.53.0.0/24' }];
      expect(site.status('a')).toEqual([{ name: 'p', state: 'Ready', phase: 'Bound', prefixes }]);
      expect(site.status('b')).toEqual([{ name: 'back', state: 'Ready', phase: 'Bound' }]);
      expect(site.condition('a', 'PrefixesExposed')).toBeUndefined();
    });

    it('provider C-29, R-18: a reference to what is not Allocated exposes nothing, and a condition names it', () => {
      const site = bound(start().network('a', to('p', 'b', [reference])));
      expect(site.status('a')).toEqual([{ name: 'p', state: 'Ready', phase: 'Bound', prefixes: [] }]);
      expect(site.condition('a', 'PrefixesExposed')).toMatchObject({ status: 'False', reason: 'PrefixNotAllocated' });
      expect(site.condition('a', 'PrefixesExposed')?.message).toContain('Prefix anycast');
      site.prefix('anycast', { ipFamily: 'IPv4', prefix: '10.53.0.0/24', parentRef: { name: 'root' } });
      expect(site.status('a')[0]?.['prefixes']).toEqual([]);
      site.prefix('root', { prefix: '10.53.0.0/16' });
      expect(site.status('a')[0]?.['prefixes']).toEqual([{ name: 'dns', prefix: '10.53.0.0/24' }]);
      expect(site.condition('a', 'PrefixesExposed')).toBeUndefined();
    });

    it('given a filter that changes, then what is exposed changes, and the other side is not written', () => {
      const site = bound(start().network('a', to('p', 'b', [literal])));
      const { revision } = site.world.get(keyOf('b')) ?? {};
      site.names('a', to('p', 'b', [{ name: 'services', prefix: '10.41.0.0/24' }]));
      expect(site.status('a')[0]?.['prefixes']).toEqual([{ name: 'services', prefix: '10.41.0.0/24' }]);
      expect(site.world.get(keyOf('b'))?.revision).toBe(revision);
    });

    it('provider R-26: ranges of two peers that overlap are reported to who sees both, and gone with the overlap', () => {
      const site = start().network('hub', to('p', 'one'), to('q', 'two'));
      site.network('one', to('h', 'hub', [{ name: 'x', prefix: '10.0.0.0/16' }]));
      site.network('two', to('h', 'hub', [{ name: 'x', prefix: '10.0.7.0/24' }]));
      const said = site.condition('hub', 'PeeringConflict');
      expect(said).toMatchObject({ status: 'True', reason: 'RangesOverlap' });
      expect(said?.message).toBe('10.0.7.0/24 is reached through ns/two, not through 10.0.0.0/16 of ns/one');
      expect(site.condition('one', 'PeeringConflict')).toBeUndefined();
      site.names('two', to('h', 'hub', [{ name: 'x', prefix: '10.1.7.0/24' }]));
      expect(site.condition('hub', 'PeeringConflict')).toBeUndefined();
    });
  });

  describe('whole networks that overlap', () => {
    const said = (site: Peerings, name: string) => site.condition(name, 'PeeringConflict')?.message;

    it('provider R-26: given two that use one address, then both say so, each that its own counts, until one of them has it no more', () => {
      const site = start().network('a', to('p', 'b')).network('b', to('p', 'a'));
      site.nic('one', 'a', '10.0.0.1').nic('two', 'b', '10.0.0.2');
      expect([said(site, 'a'), said(site, 'b')]).toEqual([undefined, undefined]);
      site.nic('three', 'b', '10.0.0.1');
      expect(site.condition('a', 'PeeringConflict')).toMatchObject({ status: 'True', reason: 'NetworksOverlap' });
      expect(said(site, 'a')).toBe('ns/a and ns/b both use 10.0.0.1/32: what both have is that of ns/a');
      expect(said(site, 'b')).toBe('ns/b and ns/a both use 10.0.0.1/32: what both have is that of ns/b');
      site.world.delete(nicKey('ns', 'three'));
      expect([said(site, 'a'), said(site, 'b')]).toEqual([undefined, undefined]);
    });

    it('provider R-26: given two peers that use one address, then the lower VNI counts, and what a filter hides is no conflict', () => {
      const site = start().network('hub', to('p', 'one'), to('q', 'two')).network('one', to('h', 'hub')).network('two', to('h', 'hub'));
      site.nic('n1', 'one', '10.0.0.1').nic('n2', 'two', '10.0.0.1');
      expect(said(site, 'hub')).toBe('ns/one and ns/two both use 10.0.0.1/32: what both have is that of ns/one');
      expect([said(site, 'one'), said(site, 'two')]).toEqual([undefined, undefined]);
      site.names('two', to('h', 'hub', [{ name: 'x', prefix: '10.0.0.0/30' }]));
      expect(said(site, 'hub')).toBe('ns/two and ns/one both use 10.0.0.1/32: what both have is that of ns/two');
      site.names('two', to('h', 'hub', [{ name: 'x', prefix: '10.0.1.0/24' }]));
      expect(said(site, 'hub')).toBeUndefined();
    });

    it('given more addresses than are told apart, then it names a block that both use', () => {
      const site = start().network('a', to('p', 'b')).network('b', to('p', 'a'));
      for (let i = 1; i <= BLOCKS_MAX + 1; i++) site.nic(`n${i}`, 'a', `10.0.${i}.1`);
      site.nic('far', 'b', '10.1.0.1');
      expect(said(site, 'a')).toBeUndefined();
      site.nic('near', 'b', '10.0.9.9');
      expect(said(site, 'a')).toMatch(/ both use 10\.0\.0\.0\/20: /);
    });
  });
});

describe('Random histories of peerings', () => {
  it('given names that come and go in any order, then at rest two are bound exactly when both live, name each other and are Available', () => {
    const all = ['a', 'b', 'c', 'ns1/a'];
    for (let seed = 1; seed <= 40; seed++) {
      const site = new Peerings(seed, { lag: 0.3, conflicts: 0.2 });
      let state = seed;
      const below = (n: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return (state >>> 8) % n;
      };
      for (let step = 0; step < 25; step++) {
        const one = all[below(all.length)] as string;
        const items = all
          .filter((other) => other !== one && below(2) === 0)
          .map((other, i) => ({ name: `p${i}`, to: other.includes('/') ? other : `ns/${other}` }));
        const lives = site.world.get(keyOf(one))?.status === 'live';
        if (!lives) site.network(one, ...items);
        else if (below(3) === 0) site.world.send({ verb: 'delete', key: keyOf(one) });
        else site.names(one, ...items);
        if (below(2) === 0) site.world.settle();
      }
      site.world.settle();
      const full = (text: string) => (text.includes('/') ? text : `ns/${text}`);
      const named = (text: string) =>
        ((site.world.object(keyOf(text))?.spec?.['peerings'] ?? []) as { networkRef: { namespace: string; name: string } }[]).map(
          ({ networkRef }) => `${networkRef.namespace}/${networkRef.name}`,
        );
      for (const one of all) {
        if (site.world.object(keyOf(one))?.metadata.deletionTimestamp !== undefined || site.world.get(keyOf(one))?.status !== 'live')
          continue;
        const agreed = all.filter(
          (other) =>
            site.world.get(keyOf(other))?.status === 'live' && named(one).includes(full(other)) && named(other).includes(full(one)),
        );
        expect(site.incoming(one)).toEqual(agreed.map(full).sort());
      }
    }
  });
});
