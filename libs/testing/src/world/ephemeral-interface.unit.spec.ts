/** Interfaces whose address, range and VirtualIP come from inline templates, from their creation to their end: resources C-20, G-04, E-15, 3.6, 3.7, 3.15. */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { addressBookOf } from '@weft/network';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'team-a', name });
const NIC = key('NetworkInterface', 'batch-7');

class Site {
  readonly world: World;
  readonly #agent: WorldAgent;

  constructor(seed: number) {
    this.world = new World({ seed, duplicates: 0.3, lag: 0.2, conflicts: 0.1 });
    this.world.create({ kind: 'Namespace', metadata: { name: 'team-a' } });
    const pool = { apiVersion: 'fabric.weft.dev/v1alpha1', kind: 'AddressPool', metadata: { name: 'default' } };
    this.world.create({ ...pool, spec: { prefixes: ['203.0.113.0/24'] } });
    this.#agent = new WorldAgent(this.world, 'host-a', '192.0.2.1');
    this.#agent.register();
    this.make('Network', 'core', {});
  }

  make(kind: string, name: string, spec: JsonObject, labels: JsonObject = {}, apiVersion = NETWORKING): this {
    this.world.create({ apiVersion, kind, metadata: { namespace: 'team-a', name, labels }, spec });
    return this;
  }

  /** G-04 of the specification, with a range beside it, as it is written there. */
  interface(more: JsonObject = {}): this {
    const virtualIPTemplate = {
      metadata: { labels: { keep: 'yes' } },
      spec: { type: 'Public', ipFamily: 'IPv4', reclaimPolicy: 'Retain' },
    };
    return this.make('NetworkInterface', 'batch-7', {
      networkRef: { name: 'core' },
      ipFamilies: ['IPv4'],
      ips: [{ ephemeral: { prefixTemplate: { spec: { parentSelector: { matchLabels: { pool: 'batch' } } } } } }],
      virtualIP: { ephemeral: { virtualIPTemplate } },
      ...more,
    });
  }

  parent(name: string, prefix: string): this {
    return this.make('Prefix', name, { prefix }, { pool: 'batch' }, 'ipam.ironcore.dev/v1alpha1');
  }

  machine(): this {
    const networkInterfaces = [{ name: 'a', networkInterfaceRef: { name: 'batch-7' } }];
    return this.make(
      'Machine',
      'm',
      { machinePoolRef: { name: 'host-a' }, networkInterfaces },
      {},
      'compute.ironcore.dev/v1alpha1',
    ).report();
  }

  report(): this {
    this.#agent.report();
    return this;
  }

  get status(): JsonObject {
    const { ips = [], prefixes = [], virtualIP = null, state } = (this.world.object(NIC)?.status ?? {}) as JsonObject;
    return { ips, prefixes, virtualIP, state } as JsonObject;
  }

  get holders(): number {
    return this.world.reservation<{ holders: Map<string, unknown> }>(addressBookOf('team-a', 'core')).holders.size;
  }
}

describe.each([1, 2, 3])('An interface with everything from templates, loops in the order of seed %i', (seed) => {
  it('resources G-04, C-20: is Available with an address of a Prefix and a VirtualIP of its own', () => {
    const site = new Site(seed).parent('batch', '10.40.8.0/24').interface().machine();
    expect(site.status).toEqual({
      ips: ['10.40.8.0'],
      prefixes: [],
      virtualIP: expect.stringMatching(/^203\.0\.113\./),
      state: 'Available',
    });
    const uid = site.world.object(NIC)?.metadata.uid;
    expect(site.world.object(key('Prefix', 'batch-7-0'))).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'NetworkInterface', name: 'batch-7', uid, controller: true }] },
      spec: { ipFamily: 'IPv4', prefixLength: 32, prefix: '10.40.8.0/32', parentRef: { name: 'batch' } },
      status: { phase: 'Allocated' },
    });
  });

  it('resources U-15, Z-26: is Available as soon as a parent is there, in whatever order all of it comes', () => {
    const site = new Site(seed).interface().machine();
    expect(site.status).toMatchObject({ ips: [], state: 'Pending' });
    const said = conditionOf(site.world.object(NIC)!, 'AddressesAllocated');
    expect(said).toMatchObject({ status: 'False', reason: 'PrefixNotAllocated', message: expect.stringContaining('"batch-7-0"') });
    site.parent('batch', '10.40.8.0/24').report();
    expect(site.status).toMatchObject({ ips: ['10.40.8.0'], state: 'Available' });
  });

  it('resources 2.2: has a range of a Prefix beside its address, for which it does not wait', () => {
    const template = { ipFamily: 'IPv4', prefixLength: 28, parentSelector: { matchLabels: { pool: 'pods' } } };
    const site = new Site(seed)
      .parent('batch', '10.40.8.0/24')
      .interface({ prefixes: [{ ephemeral: { prefixTemplate: { spec: template } } }] });
    site.machine();
    expect(site.status).toMatchObject({ prefixes: [], state: 'Available' });
    site.make('Prefix', 'pods', { prefix: '10.41.0.0/16' }, { pool: 'pods' }, 'ipam.ironcore.dev/v1alpha1');
    expect(site.status).toMatchObject({ prefixes: ['10.41.0.0/28'], state: 'Available' });
    site.world.delete(NIC);
    expect([site.holders, site.world.object(key('Prefix', 'pods'))?.status?.['used'] ?? []]).toEqual([0, []]);
  });

  it('resources E-15, Z-15: a Prefix that is deleted is made anew, and the interface is Available with what that brings', () => {
    const site = new Site(seed).parent('batch', '10.40.8.0/24').interface().machine();
    const before = site.world.object(key('Prefix', 'batch-7-0'))?.metadata.uid;
    site.world.delete(key('Prefix', 'batch-7-0'));
    site.report().report();
    const after = site.world.object(key('Prefix', 'batch-7-0'));
    expect(after?.metadata.uid).not.toBe(before);
    expect(site.status).toMatchObject({ ips: [String(after?.spec?.['prefix']).split('/')[0]], state: 'Available' });
    expect(site.holders).toBe(1);
  });

  it('resources 3.15: at its end the Prefix goes and its range is free, while the VirtualIP that is to be retained stays', () => {
    const site = new Site(seed).parent('batch', '10.40.8.0/24').interface().machine();
    const { virtualIP } = site.status;
    site.world.delete(NIC);
    expect(site.world.object(key('Prefix', 'batch-7-0'))).toBeUndefined();
    expect(site.world.object(key('Prefix', 'batch'))?.status?.['used'] ?? []).toEqual([]);
    expect(site.holders).toBe(0);
    expect(site.world.object(key('VirtualIP', 'batch-7'))).toMatchObject({ status: { ip: virtualIP } });
    expect(site.world.object(key('VirtualIP', 'batch-7'))?.spec).not.toHaveProperty('targetRef');
  });
});
