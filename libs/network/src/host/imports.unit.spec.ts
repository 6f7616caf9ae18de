/** Imports of peers (ADR 29): with all loops in World, and each decision by itself. */
import { ipamDomain } from '@weft/ipam';
import { World, WorldAgent } from '@weft/testing';
import { networkDomain } from '../index.ts';
import { hostKey, machineKey, networkKey, nicKey } from '../keys.ts';
import { machine, namespace, network, nic } from '../testing/manifests.ts';
import { Site } from '../testing/site.ts';
import type { HostTypes } from './host.types.ts';

const peering = (to: string) => ({ name: `to-${to}`, networkRef: { name: to } });

class Peered {
  readonly world: World;
  readonly agents: Readonly<Record<string, WorldAgent>>;

  constructor(seed: number) {
    this.world = new World({ seed, duplicates: 0.3, lag: 0.2, domains: [networkDomain, ipamDomain] });
    this.world.create(namespace('ns'));
    this.agents = Object.fromEntries(['a', 'b'].map((host, i) => [host, new WorldAgent(this.world, host, `192.0.2.${i + 1}`)]));
    for (const agent of Object.values(this.agents)) agent.register();
  }

  networks(...names: readonly string[]): this {
    for (const name of names) this.world.create(network(name));
    return this;
  }

  /** Lets each network name these. */
  peer(peers: Readonly<Record<string, readonly string[]>>): this {
    for (const [name, others] of Object.entries(peers))
      this.world.patch(networkKey('ns', name), { spec: { peerings: others.length === 0 ? null : others.map(peering) } });
    return this;
  }

  place(name: string, of: string, ip: string, host: string): this {
    this.world.create(nic(name, of, [ip], { ipFamilies: ['IPv4'] }));
    this.world.create(machine(`m-${name}`, host, [name]));
    return this;
  }

  /** Name of the network -> its import on a host. */
  imported(host: string): Readonly<Record<string, string>> {
    const imported = (this.world.get(hostKey(host))?.facts ?? {}) as HostTypes['facts'];
    return Object.fromEntries(Object.entries(imported.imported ?? {}).map(([vni, use]) => [this.nameOf(vni), use]));
  }

  nameOf(vni: string): string {
    for (const { key } of this.world.fold.by('Network', 'vni', vni)) return key.name;
    return vni;
  }

  vniOf(name: string): number {
    return this.world.get(networkKey('ns', name))?.facts['vni'] as number;
  }
}

describe.each([1, 2, 3, 4])('Imports, loops in the order of seed %i', (seed) => {
  const given = () =>
    new Peered(seed)
      .networks('red', 'blue', 'green')
      .peer({ red: ['blue'], blue: ['red'] })
      .place('one', 'red', '10.0.0.1', 'a')
      .place('two', 'blue', '10.0.1.1', 'b');

  it('are the peers of the networks that are on a host, and no others', () => {
    const site = given().place('three', 'green', '10.0.2.1', 'a');
    expect([site.imported('a'), site.imported('b')]).toEqual([{ blue: 'used' }, { red: 'used' }]);
  });

  it('come with a peering as they come with an interface', () => {
    const site = given().peer({ red: ['blue', 'green'], green: ['red'] });
    expect(site.imported('a')).toEqual({ blue: 'used', green: 'used' });
    site.place('four', 'red', '10.0.0.4', 'b');
    expect(site.imported('b')).toEqual({ red: 'used', blue: 'used', green: 'used' });
  });

  it.each<[string, (site: Peered) => void]>([
    ['the peering ends', (site) => site.peer({ blue: [] })],
    ['the last interface leaves the host', (site) => site.world.delete(machineKey('ns', 'm-one'))],
    [
      'the peer itself is deleted',
      (site) => {
        site.world.delete(machineKey('ns', 'm-two'));
        site.world.delete(nicKey('ns', 'two'));
        site.peer({ red: [], blue: [] });
        site.world.delete(networkKey('ns', 'blue'));
      },
    ],
  ])('become idle when %s, and go once the host has let go of them', (_what, happens) => {
    const site = given();
    const vni = String(site.vniOf('blue'));
    happens(site);
    expect(Object.values(site.imported('a'))).toEqual(['idle']);
    // Until then the host may forward for it, so its number does not go to another network.
    expect([...site.world.fold.by('Host', 'vni', vni)].map(({ key }) => key.name)).toContain('a');
    site.agents['a']?.report();
    expect(site.imported('a')).toEqual({});
    expect([...site.world.fold.by('Host', 'vni', vni)].map(({ key }) => key.name)).not.toContain('a');
  });

  it('that are needed again before they have gone are used again', () => {
    const site = given()
      .peer({ blue: [] })
      .peer({ blue: ['red'] });
    expect(site.imported('a')).toEqual({ blue: 'used' });
    site.agents['a']?.report();
    expect(site.imported('a')).toEqual({ blue: 'used' });
  });

  it('hold an address of the peer back until they have applied its removal', () => {
    const site = given();
    for (const agent of Object.values(site.agents)) agent.report();
    site.world.delete(machineKey('ns', 'm-two'));
    site.world.delete(nicKey('ns', 'two'));
    site.place('again', 'blue', '10.0.1.1', 'b');
    site.agents['b']?.report();
    const ready = () => JSON.stringify(site.world.object(nicKey('ns', 'again'))?.status?.['conditions']);
    expect(site.world.get(nicKey('ns', 'again'))?.facts['resting']).toBeDefined();
    expect(ready()).toContain('AddressResting');
    site.agents['a']?.report();
    expect(site.world.get(nicKey('ns', 'again'))?.facts['resting']).toBeUndefined();
  });
});

describe('A host that imports', () => {
  const given = () => {
    const site = new Site();
    site.host('a');
    site.network('red', 200);
    site.act('a', 'ImportNetwork', { vni: 200, network: 'ns/red' });
    return site;
  };
  const facts = (site: Site) => (site.state(hostKey('a'))?.facts ?? {}) as HostTypes['facts'];

  it('does so once, however often it is told', () => {
    expect(given().act('a', 'ImportNetwork', { vni: 200, network: 'ns/red' })).toEqual([]);
  });

  it('keeps an import of which the view does not show yet what it is for', () => {
    const site = new Site();
    site.host('a');
    site.network('red', 200);
    const before = site.view();
    site.act('a', 'ImportNetwork', { vni: 200, network: 'ns/red' });
    expect(site.act('a', 'IdleImport', { vni: 200 }, before)).toEqual([]);
    expect(site.act('a', 'IdleImport', { vni: 200 })).toEqual(['NetworkImportIdle.v1']);
    expect(site.act('a', 'IdleImport', { vni: 200 })).toEqual([]);
  });

  it.each<[string, (idle: bigint) => object, boolean]>([
    ['its table as it was before', (idle) => ({ tables: { 'imports.a': `${idle - 1n}` }, position: '0' }), false],
    ['another table', (idle) => ({ tables: { 'endpoints.200': `${idle}` }, position: '0' }), false],
    ['its table without the import', (idle) => ({ tables: { 'imports.a': `${idle}` }, position: '0' }), true],
    ['everything up to there', (idle) => ({ tables: {}, position: `${idle}` }), true],
  ])('that is idle has gone: told by a report of %s', (_what, report, isGone) => {
    const site = given();
    site.act('a', 'IdleImport', { vni: 200 });
    site.act('a', 'ReportApplied', { ...report(site.position) });
    expect(facts(site).imported).toEqual(isGone ? undefined : { 200: 'idle' });
  });

  it('goes on holding the network for its own interfaces, and what it has applied of it', () => {
    const site = given();
    site.act('a', 'HoldNetwork', { vni: 200, network: 'ns/red' });
    site.act('a', 'ReportApplied', { tables: { 'endpoints.200': '5', 'placements.200': '6' }, position: '1' });
    site.act('a', 'IdleImport', { vni: 200 });
    site.act('a', 'Reached', { position: `${site.position}` });
    expect(facts(site)).toMatchObject({ held: { 200: '' }, applied: { 'endpoints.200': '5', 'placements.200': '6' } });
    expect(facts(site).imported).toBeUndefined();
    site.act('a', 'IdleNetwork', { vni: 200 });
    site.act('a', 'Reached', { position: `${site.position}` });
    expect(facts(site).held).toEqual({});
    expect(Object.keys(facts(site).applied ?? {}).sort()).toEqual(['*', 'placements.200']);
  });
});
