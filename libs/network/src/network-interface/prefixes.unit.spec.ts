/** What interfaces have of Prefixes, in World with Prefixes themselves: resources 2.2, 3.6, 3.13; provider 2.4. */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { World, WorldAgent, WorldFabric } from '@weft/testing';
import fc from 'fast-check';
import { type AddressBook, bookName } from '../address-book/address-book.ts';
import { networkDomain } from '../index.ts';
import { addressBookOf, nicKey } from '../keys.ts';
import { machine, namespace, network } from '../testing/manifests.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const IPAM = 'ipam.ironcore.dev/v1alpha1';
const prefixKey = (name: string): ObjectKey => ({ kind: 'Prefix', namespace: 'ns', name });
const ephemeral = (spec: JsonObject): JsonObject => ({ ephemeral: { prefixTemplate: { spec } } });
const address = (ip: string): JsonObject =>
  ephemeral({ ipFamily: ip.includes(':') ? 'IPv6' : 'IPv4', prefix: `${ip}/${ip.includes(':') ? 128 : 32}` });
const range = (prefix: string): JsonObject => ephemeral({ ipFamily: prefix.includes(':') ? 'IPv6' : 'IPv4', prefix });

/** `HISTORIES=10000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 60);

type Source = Readonly<{ value?: string; ephemeral?: { prefixTemplate: { spec: JsonObject } } }>;

class Site {
  readonly world: World;
  readonly agents: readonly WorldAgent[];

  constructor(seed: number) {
    this.world = new World({ seed, duplicates: 0.3, lag: 0.2, conflicts: 0.1, domains: [networkDomain, ipamDomain] });
    this.world.create(namespace('ns'));
    this.agents = ['a', 'b'].map((name, i) => new WorldAgent(this.world, `host-${name}`, `192.0.2.${i + 1}`));
    for (const agent of this.agents) agent.register();
    this.world.create(network('net'));
  }

  nic(name: string, ips: readonly JsonObject[], prefixes: readonly JsonObject[] = [], net = 'net'): this {
    const spec = { networkRef: { name: net }, ips: [...ips], ...(prefixes.length > 0 && { prefixes: [...prefixes] }) };
    this.world.create({ apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { namespace: 'ns', name }, spec });
    return this;
  }

  /** The Prefixes of its templates, made as the loops of ephemeral children do (resources 1.10), unless they are there. */
  children(nic: string): this {
    const { spec = {} } = this.world.object(nicKey('ns', nic)) ?? {};
    const { ips = [], prefixes = [] } = spec as { ips?: readonly Source[]; prefixes?: readonly Source[] };
    for (const [i, source] of ips.entries()) this.#child(nic, `${nic}-${i}`, source);
    for (const [i, source] of prefixes.entries()) this.#child(nic, `${nic}-pf-${i}`, source);
    return this;
  }

  #child(nic: string, name: string, { ephemeral: source }: Source): void {
    if (source === undefined || this.world.get(prefixKey(name))?.status === 'live') return;
    this.prefix(name, source.prefixTemplate.spec, this.uid(nicKey('ns', nic)), nic);
  }

  prefix(name: string, spec: JsonObject, uid?: string, nic = 'one'): this {
    const owner = {
      apiVersion: NETWORKING,
      kind: 'NetworkInterface',
      name: nic,
      uid: uid ?? '',
      controller: true,
      blockOwnerDeletion: true,
    };
    const marked = { annotations: { 'common.ironcore.dev/ephemeral-managed-by': 'ephemeral-manager' }, ownerReferences: [owner] };
    this.world.create({ apiVersion: IPAM, kind: 'Prefix', metadata: { namespace: 'ns', name, ...(uid !== undefined && marked) }, spec });
    return this;
  }

  /** The Prefix goes, and is made anew from the template as it is then. */
  remade(nic: string, name: string): this {
    this.world.delete(prefixKey(name));
    return this.children(nic);
  }

  patch(nic: string, spec: JsonObject): this {
    this.world.patch(nicKey('ns', nic), { spec });
    return this;
  }

  on(nic: string, host: string): this {
    this.world.create(machine(`m-${nic}`, host, [nic]));
    return this.report();
  }

  report(): this {
    for (const agent of this.agents) agent.report();
    return this;
  }

  uid(key: ObjectKey): string {
    return this.world.object(key)?.metadata.uid ?? '';
  }

  status(nic: string): JsonObject {
    const { ips = [], prefixes = [], state } = (this.world.object(nicKey('ns', nic))?.status ?? {}) as JsonObject;
    return { ips, prefixes, state } as JsonObject;
  }

  said(nic: string, type: string) {
    return conditionOf(this.world.object(nicKey('ns', nic))!, type);
  }

  /** Address or range -> the interface that holds it. */
  get book(): Readonly<Record<string, string>> {
    const { holders } = this.world.reservation<AddressBook>(addressBookOf('ns', 'net'));
    return Object.fromEntries([...holders].map(([ip, { nic }]) => [ip, nic]).sort());
  }
}

describe.each([1, 2, 3])('An interface whose addresses come from Prefixes, loops in the order of seed %i', (seed) => {
  const start = () => new Site(seed);

  it('resources C-20, 3.13: has the address of a Prefix that is Allocated and its own, in its status and in the address book', () => {
    const site = start()
      .nic('one', [address('10.0.0.1')])
      .children('one');
    expect(site.status('one')).toEqual({ ips: ['10.0.0.1'], prefixes: [], state: 'Pending' });
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'True', reason: 'Allocated', message: '10.0.0.1' });
    expect(site.book).toEqual({ '10.0.0.1': 'one' });
    site.on('one', 'host-a');
    expect(site.status('one')['state']).toBe('Available');
  });

  it('resources 3.6: a Prefix of its name that it does not control gives it nothing, and it says so', () => {
    const site = start()
      .prefix('one-0', { prefix: '10.0.0.1/32' })
      .nic('one', [address('10.0.0.1')]);
    expect(site.status('one')['ips']).toEqual([]);
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'PrefixOfAnother' });
    expect(site.said('one', 'AddressesAllocated')?.message).toContain('"one-0"');
    expect(site.said('one', 'Ready')).toMatchObject({ reason: 'NotAttached' });
    site.on('one', 'host-a');
    expect(site.said('one', 'Ready')).toMatchObject({ status: 'False', reason: 'AddressPending' });
    site.world.delete(prefixKey('one-0'));
    site.children('one').report();
    expect(site.status('one')).toMatchObject({ ips: ['10.0.0.1'], state: 'Available' });
  });

  it('resources 3.6: names the Prefix that it waits for, and why that is not Allocated', () => {
    const site = start()
      .nic('one', [ephemeral({ ipFamily: 'IPv4', prefixLength: 32, parentRef: { name: 'pool' } })])
      .children('one');
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'PrefixNotAllocated' });
    expect(site.said('one', 'AddressesAllocated')?.message).toMatch(/Prefix "one-0".*PrefixNotFound.*pool/);
    site.prefix('pool', { prefix: '10.0.0.8/29' });
    expect(site.status('one')['ips']).toEqual(['10.0.0.8']);
  });

  it('resources 3.6: a range that its Prefix asks for and does not have yet is not taken', () => {
    const template = { ipFamily: 'IPv4', prefix: '10.0.0.9/32', parentRef: { name: 'pool' } };
    const site = start()
      .nic('one', [ephemeral(template)])
      .children('one');
    expect(site.world.object(prefixKey('one-0'))).toMatchObject({ spec: { prefix: '10.0.0.9/32' }, status: { phase: 'Pending' } });
    expect([site.status('one')['ips'], site.book]).toEqual([[], {}]);
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'PrefixNotAllocated' });
    site.prefix('pool', { prefix: '10.0.0.8/29' });
    expect(site.status('one')['ips']).toEqual(['10.0.0.9']);
  });

  it('resources 3.14: shows what it has, and is placed once it has all of its addresses', () => {
    const site = start().nic('one', [
      { value: '10.0.0.1' },
      ephemeral({ ipFamily: 'IPv6', prefixLength: 128, parentRef: { name: 'pool' } }),
    ]);
    site.children('one').on('one', 'host-a');
    expect(site.status('one')).toMatchObject({ ips: ['10.0.0.1'], state: 'Pending' });
    expect(site.said('one', 'Ready')).toMatchObject({ reason: 'AddressPending' });
    site.prefix('pool', { prefix: 'fd00::/120' }).report();
    expect(site.status('one')).toMatchObject({ ips: ['10.0.0.1', 'fd00::'], state: 'Available' });
  });

  it('provider R-7: an address that another interface holds is not taken, until that one gives it up', () => {
    const site = start()
      .nic('holder', [{ value: '10.0.0.1' }])
      .nic('one', [address('10.0.0.1')])
      .children('one');
    expect(site.status('one')['ips']).toEqual([]);
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'AddressInUse' });
    expect(site.said('one', 'AddressesAllocated')?.message).toContain('"holder"');
    expect(site.book).toEqual({ '10.0.0.1': 'holder' });
    site.world.delete(nicKey('ns', 'holder'));
    expect(site.status('one')['ips']).toEqual(['10.0.0.1']);
    expect(site.book).toEqual({ '10.0.0.1': 'one' });
  });

  it('provider R-7: an address that it has of a Prefix is refused to others, with the holder', () => {
    const site = start()
      .nic('one', [address('10.0.0.1')])
      .children('one');
    const spec = { networkRef: { name: 'net' }, ips: [{ value: '10.0.0.1' }] };
    const object = { apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { namespace: 'ns', name: 'two' }, spec };
    const reply = site.world.do({ verb: 'create', kind: 'NetworkInterface', namespace: 'ns', object });
    expect(reply).toMatchObject({
      ok: false,
      status: { code: 422, details: { causes: [{ reason: 'FieldValueDuplicate', field: 'spec.ips[0].value' }] } },
    });
    expect(reply.ok ? '' : reply.status.message).toContain('"one"');
  });

  it('given two whose Prefixes have the same address, then one has it, and the other one after it, by way of a third', () => {
    const site = start()
      .nic('a', [address('10.0.0.1')])
      .nic('b', [address('10.0.0.1')])
      .nic('c', [address('10.0.0.1')]);
    for (const nic of ['a', 'b', 'c']) site.children(nic);
    for (let left = 3; left > 0; left--) {
      const holders = ['a', 'b', 'c'].filter((nic) => (site.status(nic)['ips'] as string[]).length > 0);
      expect(holders).toHaveLength(1);
      expect(site.book).toEqual({ '10.0.0.1': holders[0] });
      site.world.delete(nicKey('ns', holders[0]!));
      site.world.delete(prefixKey(`${holders[0]}-0`));
    }
    expect(site.book).toEqual({});
  });

  it('resources E-15: when its Prefix is made anew with another address, it gives the former one back and has the new one', () => {
    const site = start()
      .nic('one', [address('10.0.0.1')])
      .children('one')
      .on('one', 'host-a');
    site.patch('one', { ips: [address('10.0.0.2')] });
    expect(site.status('one')).toMatchObject({ ips: ['10.0.0.1'], state: 'Available' });
    site.remade('one', 'one-0').report();
    expect(site.status('one')).toMatchObject({ ips: ['10.0.0.2'], state: 'Available' });
    expect(site.book).toEqual({ '10.0.0.2': 'one' });
    site.nic('next', [{ value: '10.0.0.1' }]).on('next', 'host-b');
    expect(site.status('next')['state']).toBe('Available');
  });

  it('an address that a placed interface had rests before another one has it of its Prefix', () => {
    const site = start()
      .nic('old', [{ value: '10.0.0.1' }])
      .on('old', 'host-a');
    site.nic('one', [address('10.0.0.1')]).children('one');
    site.world.delete(nicKey('ns', 'old'));
    expect(site.status('one')['ips']).toEqual([]);
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'AddressResting' });
    site.report();
    expect(site.status('one')['ips']).toEqual(['10.0.0.1']);
  });

  it('given a literal in place of a template, then the literal is its address at once; and the other way round', () => {
    const site = start()
      .nic('one', [address('10.0.0.1')])
      .children('one');
    site.patch('one', { ips: [{ value: '10.0.0.7' }] });
    expect(site.status('one')['ips']).toEqual(['10.0.0.7']);
    expect(site.book).toEqual({ '10.0.0.7': 'one' });
    expect(site.said('one', 'AddressesAllocated')).toBeUndefined();
    site.patch('one', { ips: [address('10.0.0.7')] });
    site.world.delete(prefixKey('one-0'));
    site.children('one');
    expect(site.status('one')['ips']).toEqual(['10.0.0.7']);
    expect(site.book).toEqual({ '10.0.0.7': 'one' });
  });

  it('gives back at its end what it had of Prefixes, and its ranges', () => {
    const site = start()
      .nic('one', [address('10.0.0.1')], [{ value: '10.9.0.0/24' }])
      .children('one')
      .on('one', 'host-a');
    expect(Object.keys(site.book)).toEqual(['10.0.0.1', '10.9.0.0/24']);
    site.world.delete(nicKey('ns', 'one'));
    expect(site.book).toEqual({});
  });

  it('given a Prefix that is no single address, or of the other family, then it has none of it and says so', () => {
    const site = start().nic('one', [ephemeral({ ipFamily: 'IPv4', prefixLength: 32, parentRef: { name: 'none' } })]);
    const remake = (spec: JsonObject) => {
      site.world.delete(prefixKey('one-0'));
      if (site.world.get(prefixKey('one-0'))?.status !== 'live') site.prefix('one-0', spec, site.uid(nicKey('ns', 'one')));
    };
    remake({ prefix: '10.0.0.0/31' });
    if (site.world.object(prefixKey('one-0'))?.spec?.['prefix'] !== '10.0.0.0/31') return; // Loops have made it from the template.
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'PrefixTooLarge' });
    remake({ prefix: 'fd00::1/128' });
    expect(site.said('one', 'AddressesAllocated')).toMatchObject({ status: 'False', reason: 'PrefixOfOtherFamily' });
    expect(site.status('one')['ips']).toEqual([]);
  });
});

describe.each([1, 2, 3])('Ranges of an interface, loops in the order of seed %i', (seed) => {
  const start = () => new Site(seed);

  it('resources 2.2, Q-7: literals show as they are written, those of Prefixes once these are Allocated', () => {
    const site = start().nic('one', [{ value: '10.0.0.1' }], [{ value: '2001:db8::1/64' }, range('10.9.0.0/26')]);
    site.children('one');
    expect(site.status('one')['prefixes']).toEqual(['2001:db8::1/64', '10.9.0.0/26']);
    expect(site.said('one', 'PrefixesAllocated')).toMatchObject({ status: 'True', reason: 'Allocated' });
    expect(site.book).toEqual({ '10.0.0.1': 'one', '2001:db8::/64': 'one', '10.9.0.0/26': 'one' });
  });

  it('are in the rows of hosts, without host bits, as long as it has them; it stays Available', () => {
    const site = start()
      .nic('one', [{ value: '10.0.0.1' }], [{ value: '10.9.0.7/24' }])
      .on('one', 'host-a');
    const rows = () =>
      [...new WorldFabric(site.world).tables.values()].flatMap((table) => [...table.values()]).filter((row) => 'ips' in row);
    expect(rows().map((row) => row['prefixes'])).toEqual([['10.9.0.0/24'], ['10.9.0.0/24']]);
    expect(site.status('one')).toEqual({ ips: ['10.0.0.1'], prefixes: ['10.9.0.7/24'], state: 'Available' });
    site.patch('one', { prefixes: null });
    expect(rows().map((row) => row['prefixes'])).toEqual([undefined, undefined]);
    expect(site.status('one')).toEqual({ ips: ['10.0.0.1'], prefixes: [], state: 'Available' });
    expect(site.said('one', 'PrefixesAllocated')).toBeUndefined();
    expect(site.book).toEqual({ '10.0.0.1': 'one' });
  });

  it('of two interfaces with the same range one has it, and the other one says who; a range inside another one is no conflict', () => {
    const site = start().nic('one', [{ value: '10.0.0.1' }], [{ value: '10.9.0.0/24' }]);
    site.nic('two', [{ value: '10.0.0.2' }], [{ value: '10.9.0.9/24' }, { value: '10.9.0.0/28' }, { value: '10.0.0.1/32' }]);
    expect(site.status('two')['prefixes']).toEqual(['10.9.0.0/28']);
    expect(site.said('two', 'PrefixesAllocated')).toMatchObject({ status: 'False', reason: 'AddressInUse' });
    expect(site.said('two', 'PrefixesAllocated')?.message).toMatch(/10\.9\.0\.9\/24.*"one".*1 more is missing/);
    site.patch('one', { prefixes: [{ value: '10.9.1.0/24' }] });
    expect(site.status('two')['prefixes']).toEqual(['10.9.0.9/24', '10.9.0.0/28']);
    site.nic('three', [{ value: '10.0.0.3' }], [{ value: '10.9.0.0/24' }], 'other');
    expect(site.status('three')['prefixes']).toEqual(['10.9.0.0/24']);
  });

  it('one that waits for a range is refused the same as an address, as everybody is', () => {
    const site = start()
      .nic('one', [{ value: '10.0.0.1' }])
      .nic('two', [{ value: '10.0.0.2' }], [{ value: '10.0.0.1/32' }]);
    const patch = { spec: { ips: [{ value: '10.0.0.1' }] } };
    expect(site.world.send({ verb: 'patch', key: nicKey('ns', 'two'), patchType: 'merge', patch })).toMatchObject({ ok: false });
    expect(site.status('two')['ips']).toEqual(['10.0.0.2']);
  });

  it('one that waits for a range has it as an address at once when it names it, and it is free', () => {
    const site = start()
      .nic('one', [{ value: '10.0.0.1' }])
      .nic('two', [{ value: '10.0.0.2' }], [{ value: '10.0.0.1/32' }]);
    site.world.send({ verb: 'delete', key: nicKey('ns', 'one') });
    const patch = { spec: { ips: [{ value: '10.0.0.1' }] } };
    // No loop has been asked in between.
    site.world.send({ verb: 'patch', key: nicKey('ns', 'two'), patchType: 'merge', patch });
    expect(site.status('two')['ips']).toEqual(['10.0.0.1']);
  });

  it('resources E-14: a range whose Prefix goes is given back', () => {
    const site = start()
      .nic('one', [{ value: '10.0.0.1' }], [range('10.9.0.0/26')])
      .children('one');
    site.patch('one', { prefixes: null });
    expect(site.status('one')['prefixes']).toEqual([]);
    expect(site.book).toEqual({ '10.0.0.1': 'one' });
  });
});

describe('Addresses and ranges of interfaces', () => {
  const values = ['10.0.0.1', '10.0.0.2'] as const;
  const nics = ['a', 'b', 'c'] as const;
  const sources = fc.constantFrom<JsonObject>(...values.map((value) => ({ value })), ...values.map(address));
  const rangesOf = fc.subarray<JsonObject>([{ value: '10.0.0.1/32' }, { value: '10.9.0.3/24' }, range('10.9.0.0/24')]);
  const step = fc.oneof(
    fc.record({ nic: fc.constantFrom(...nics), ip: sources, ranges: rangesOf }),
    fc.record({ nic: fc.constantFrom(...nics), gone: fc.constant(true) }),
    fc.record({ nic: fc.constantFrom(...nics), remade: fc.constantFrom('0', 'pf-0') }),
    fc.record({ report: fc.constant(true) }),
  );

  type Step = { nic: 'a' | 'b' | 'c'; ip: JsonObject; ranges: JsonObject[] } | { nic: 'a'; gone: true } | { nic: 'a'; remade: '0' };
  /** A claim finds the address taken, as decided on a state that another writer has left behind; nobody may be answered from that. */
  const STALE_WRITER: Step[] = [
    { nic: 'a', ip: { value: values[0] }, ranges: [] },
    { nic: 'a', ip: { value: values[0] }, ranges: [] },
    { nic: 'c', ip: address(values[0]), ranges: [range('10.9.0.0/24')] },
    { nic: 'a', gone: true },
    { nic: 'a', remade: '0' },
    { nic: 'a', ip: address(values[0]), ranges: [] },
    { nic: 'a', remade: '0' },
    { nic: 'a', remade: '0' },
  ];

  /** An interface loses its address in the step in which another interface turns out to have the next one. */
  const IN_ONE_STEP = [
    { nic: 'a', ip: address(values[1]), ranges: [] },
    { nic: 'b', ip: address(values[0]), ranges: [] },
    { nic: 'a', ip: address(values[0]), ranges: [] },
    { nic: 'a', remade: '0' },
  ] as Step[];

  it('have one holder at each position of random histories, which the address book names; at rest nobody waits for what is free', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 25, size: 'max' }), fc.nat(1000), (steps, seed) => {
        const site = new Site(seed);
        const shown = new Map<string, readonly string[]>();
        site.world.watch(({ after }) => {
          if (after?.key.kind !== 'NetworkInterface') return;
          const { ips = [], prefixes = [] } = (after.object.status ?? {}) as { ips?: string[]; prefixes?: string[] };
          shown.set(after.key.name, after.status === 'live' ? [...new Set([...ips, ...prefixes].map(bookName))] : []);
          const all = [...shown.values()].flat();
          expect(all.sort()).toEqual([...new Set(all)].sort());
          // It never says that it has what it does not have.
          if (after.status !== 'live' || conditionOf(after.object, 'AddressesAllocated')?.status !== 'True') return;
          const { ips: asked = [] } = (after.object.spec ?? {}) as { ips?: readonly unknown[] };
          expect(ips).toHaveLength(asked.length);
        });
        for (const each of steps) {
          if ('ip' in each) {
            const spec = { ips: [each.ip], prefixes: each.ranges };
            if (site.world.object(nicKey('ns', each.nic)) === undefined) site.nic(each.nic, spec.ips, spec.prefixes);
            else site.world.do({ verb: 'patch', key: nicKey('ns', each.nic), patchType: 'merge', patch: { spec } });
            if (site.world.object(nicKey('ns', each.nic)) !== undefined)
              site.children(each.nic).on(each.nic, each.nic === 'a' ? 'host-a' : 'host-b');
          } else if ('gone' in each) {
            site.world.do({ verb: 'delete', key: nicKey('ns', each.nic) });
            for (const child of ['0', 'pf-0', 'pf-1', 'pf-2']) site.world.do({ verb: 'delete', key: prefixKey(`${each.nic}-${child}`) });
          } else if ('remade' in each) {
            site.world.do({ verb: 'delete', key: prefixKey(`${each.nic}-${each.remade}`) });
            if (site.world.object(nicKey('ns', each.nic)) !== undefined) site.children(each.nic);
          } else site.report();
        }
        site.report().report();
        const held = nics.flatMap((nic) => (shown.get(nic) ?? []).map((name) => [name, nic] as const)).sort();
        expect(site.book).toEqual(Object.fromEntries(held));
        for (const nic of nics) {
          const { spec } = site.world.object(nicKey('ns', nic)) ?? {};
          if (spec === undefined) continue;
          const message = site.said(nic, 'AddressesAllocated')?.message ?? '';
          const [, ip, holder] = /^(.*) is held by NetworkInterface "(.*)"/.exec(message) ?? [];
          if (ip !== undefined) expect(site.book[ip]).toBe(holder);
        }
      }),
      {
        numRuns: HISTORIES,
        examples: [
          [STALE_WRITER, 664],
          [IN_ONE_STEP, 421],
        ],
      },
    );
  });
});
