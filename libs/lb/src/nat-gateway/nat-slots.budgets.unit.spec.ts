/** What loops are asked because of one change: no more when a gateway serves a hundred times as many interfaces. */
import type { Fact } from '@weft/api';
import { networkDomain } from '@weft/network';
import { WrittenLog } from '@weft/testing';
import { lbDomain } from '../index.ts';
import { gatewayKey, nicKey } from '../testing/site.ts';
import { natSlotsOf } from './nat-slots.types.ts';

const IP = '203.0.113.1';
const HOST = { kind: 'Host', name: 'h' };

class Site extends WrittenLog {
  readonly #slots: string;

  constructor(nics: number) {
    super([networkDomain, lbDomain]);
    this.create({ kind: 'Network', namespace: 'ns', name: 'net' });
    this.create(HOST, { spec: { underlay: { ip: '192.0.2.1' } } });
    const spec = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' }, portsPerNetworkInterface: 64 };
    const uid = this.create(gatewayKey('gw'), { spec });
    this.#slots = natSlotsOf({ namespace: 'ns', name: 'gw', uid });
    const at = this.appends.at(-1)?.position.toString() ?? '';
    this.slots('NatPortsSet.v1', { ports: 64, family: 'IPv4', at });
    this.slots('NatAddressUsed.v1', { slot: 'ip1', since: 1, ip: IP });
    for (let i = 0; i < nics; i++) {
      this.nic(i);
      this.allocated(i);
    }
  }

  slots(type: string, data: Fact['data']): void {
    this.write(this.#slots, [{ type, data }]);
  }

  nic(i: number): void {
    this.create(nicKey(`n${i}`), { uid: `u${i}`, spec: { networkRef: { name: 'net' } } });
    this.happen(nicKey(`n${i}`), { type: 'NetworkInterfaceAddressed.v1', data: { ips: [`10.0.${i >> 8}.${i & 255}`] } });
  }

  allocated(i: number): void {
    this.slots('NatSlotAllocated.v1', { nic: `u${i}`, name: `n${i}`, ip: IP, port: 1_024 + i * 64, ports: 64, holding: i + 1 });
  }

  released(i: number): void {
    const range = { ip: IP, port: 1_024 + i * 64, ports: 64 };
    this.slots('NatSlotReleased.v1', { nic: `u${i}`, ...range, hosts: ['h'], rest: 10_000 + i, last: true });
  }

  /** How often NAT loops are asked. */
  nat(happens: () => void): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.entries(this.asked(happens)).filter(([name]) => name.includes('-nat-')));
  }
}

describe('What NAT loops are asked because of one change', () => {
  const sites = [new Site(1), new Site(100)] as const;
  const both = (happens: (site: Site) => void) => sites.map((site) => site.nat(() => happens(site)));

  it('is about that interface alone when one comes, and about it and its gateway when it gets a slot', () => {
    const comes = { 'allocate-nat-slots': 2 };
    expect(both((site) => site.nic(500))).toEqual([comes, comes]);
    const one = { 'allocate-nat-slots': 1, 'open-nat-slots': 1, 'release-nat-slots': 1, 'fill-nat-slots': 1 };
    const gateway = { 'want-nat-addresses': 1, 'set-nat-slots': 1, 'report-nat-gateways': 1 };
    const gets = { ...one, ...gateway };
    expect(both((site) => site.allocated(500))).toEqual([gets, gets]);
  });

  it('is nothing when an interface changes in what does not matter', () => {
    const labels = (site: Site) => void site.happen(nicKey('n0'), { type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } });
    expect(both(labels)).toEqual([{}, {}]);
    expect(both((site) => void site.happen(nicKey('n0'), { type: 'NetworkInterfacePlaced.v1', data: { host: 'h' } }))).toEqual([{}, {}]);
  });

  it('is about that interface alone when it gets a public address, or ends', () => {
    const changed = { 'allocate-nat-slots': 1, 'release-nat-slots': 1 };
    const publish = (site: Site) =>
      void site.happen(nicKey('n0'), { type: 'StatusReplaced.v1', data: { status: { ips: ['10.0.0.0'], virtualIP: '198.51.100.1' } } });
    expect(both(publish)).toEqual([changed, changed]);
    const [small, large] = both((site) => void site.end(nicKey('n500')));
    expect(small).toEqual(large);
  });

  it('is about the ranges that wait for it when a host reports, and about those alone', () => {
    const applied = (site: Site) =>
      void site.happen(HOST, { type: 'HostApplied.v1', data: { tables: {}, position: site.fold.position.toString() } });
    expect(both(applied)).toEqual([{}, {}]);
    for (const site of sites) site.released(0);
    expect(both(applied)).toEqual([{ 'rest-nat-slots': 1 }, { 'rest-nat-slots': 1 }]);
    expect(both(applied)).toEqual([{}, {}]);
  });
});

describe('The queue of a gateway', () => {
  it('is filled some at a time, and what is owed then differs from what was sent, so that nobody waits before sending it', () => {
    const site = new Site(0);
    for (const i of [0, 1, 2]) site.slots('NatSlotAwaited.v1', { nic: `u${i}`, name: `n${i}`, holding: i + 1 });
    site.slots('NatAddressUsed.v1', { slot: 'ip2', since: 1, ip: '203.0.113.2' });
    expect(site.owed('fill-nat-slots')).toMatchObject([{ command: { type: 'FillSlots', waiting: 3 } }]);
    site.slots('NatSlotAllocated.v1', { nic: 'u0', name: 'n0', ip: IP, port: 1_024, ports: 64, waited: true });
    expect(site.owed('fill-nat-slots')).toMatchObject([{ command: { type: 'FillSlots', waiting: 2 } }]);
    site.slots('NatSlotsExhausted.v1', {});
    expect(site.owed('fill-nat-slots')).toEqual([]);
  });
});
