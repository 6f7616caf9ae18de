/** What `take-addresses` owes on written logs: each thing that it reads is enough to ask it again. */
import type { Draft, Fact, JsonObject, ObjectKey } from '@weft/api';
import { ipamDomain } from '@weft/ipam';
import { WrittenLog } from '@weft/testing';
import { hostKey, networkDomain, networkKey, nicKey } from '../index.ts';

const ONE = nicKey('ns', 'one');
const CHILD: ObjectKey = { kind: 'Prefix', namespace: 'ns', name: 'one-0' };
const OTHER = nicKey('ns', 'other');
type Owed = Readonly<{ ofPrefixes: JsonObject; ranges: JsonObject; waits: string[]; reasons: string[] }>;

const template = { ephemeral: { prefixTemplate: { spec: { ipFamily: 'IPv4' } } } };
const addressed = (data: JsonObject): Fact => ({ type: 'NetworkInterfaceAddressed.v1', data: { index: 0, ...data } as JsonObject });
const contested = (taken: JsonObject): Fact => ({ type: 'NetworkInterfaceContested.v1', data: { taken } });
const condition = (type: string, status: string, reason: string, message: string): Fact => ({
  type: 'ConditionChanged.v1',
  data: { type, status, reason, message },
});

class Site extends WrittenLog {
  readonly uid: string;

  constructor() {
    super([networkDomain, ipamDomain]);
    this.create(networkKey('ns', 'net'));
    this.uid = this.create(ONE, { spec: { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [template] } });
  }

  child(range = '10.0.0.1/32', owner = this.uid): this {
    this.create(CHILD, { spec: { ipFamily: 'IPv4', prefix: range } });
    const ownerReferences = [
      { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'NetworkInterface', name: 'one', uid: owner, controller: true },
    ];
    return this.is(CHILD, { type: 'OwnerReferencesChanged.v1', data: { ownerReferences } });
  }

  allocated(): this {
    return this.is(CHILD, { type: 'PrefixAllocated.v1', data: {} });
  }

  is(key: ObjectKey, ...facts: readonly Fact[]): this {
    this.happen(key, ...facts);
    return this;
  }

  get draft(): Extract<Draft, { action: string }> | undefined {
    return (this.owed('take-addresses') as readonly Extract<Draft, { action: string }>[]).find(({ key }) => key.name === 'one');
  }

  get wants(): Owed | undefined {
    const { draft } = this;
    if (draft === undefined) return undefined;
    const { ofPrefixes, ranges, waits, conditions } = draft.payload as { conditions: { reason: string }[] } & Omit<Owed, 'reasons'>;
    return { ofPrefixes, ranges, waits, reasons: conditions.map(({ reason }) => reason) };
  }
}

const nothing = (reason: string) => ({ ofPrefixes: {}, ranges: {}, waits: [], reasons: [reason] });
const HAS = condition('AddressesAllocated', 'True', 'Allocated', '10.0.0.1');

describe('take-addresses', () => {
  it('names the child that is missing, then why it has no range, and takes that once the child is Allocated and its own', () => {
    const site = new Site();
    expect(site.wants).toEqual(nothing('PrefixNotFound'));
    site.create(CHILD, { spec: { ipFamily: 'IPv4', prefix: '10.0.0.1/32' } });
    expect(site.wants).toEqual(nothing('PrefixOfAnother'));
    site.allocated();
    expect(site.wants).toEqual(nothing('PrefixOfAnother'));
    const ownerReferences = [{ apiVersion: 'v1', kind: 'NetworkInterface', name: 'one', uid: site.uid, controller: true }];
    site.is(CHILD, { type: 'OwnerReferencesChanged.v1', data: { ownerReferences } });
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' }, reasons: ['Allocated'] });
  });

  it('says what its child waits for, as that says it', () => {
    const site = new Site().child();
    const said = () => (site.draft?.payload as { conditions?: { message: string }[] } | undefined)?.conditions?.[0]?.message;
    site.is(CHILD, condition('Ready', 'False', 'PrefixExhausted', 'no room in pool'));
    expect(said()).toContain('PrefixExhausted, no room in pool');
    site.is(CHILD, condition('Ready', 'False', 'PrefixUnsuitable', 'never'));
    expect(said()).toContain('PrefixUnsuitable, never');
    site.allocated();
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' } });
  });

  it('owes nothing once it has the address and says so; when the child ends, or says another range, it gives it up', () => {
    const site = new Site()
      .child()
      .allocated()
      .is(ONE, addressed({ ips: ['10.0.0.1'], ofPrefixes: { 0: '10.0.0.1' } }), HAS);
    expect(site.wants).toBeUndefined();
    site.end(CHILD);
    expect(site.wants).toEqual(nothing('PrefixNotFound'));
    site.child('10.0.0.2/32').allocated();
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.2' } });
  });

  it('says again what somebody has removed', () => {
    const site = new Site()
      .child()
      .allocated()
      .is(ONE, addressed({ ips: ['10.0.0.1'], ofPrefixes: { 0: '10.0.0.1' } }), HAS);
    site.is(ONE, { type: 'ConditionRemoved.v1', data: { type: 'AddressesAllocated' } });
    expect(site.wants).toMatchObject({ reasons: ['Allocated'] });
  });

  it('waits for the holder that it was told, as long as that holds it, and not for one of another Network', () => {
    const site = new Site().child().allocated();
    site.create(OTHER, { spec: { networkRef: { name: 'net' }, ips: [{ value: '10.0.0.1' }] } });
    site.is(OTHER, addressed({ ips: ['10.0.0.1'] }));
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' } });
    site.is(ONE, contested({ '10.0.0.1': { nic: 'other' } }));
    expect(site.wants).toEqual({ ofPrefixes: {}, ranges: {}, waits: ['10.0.0.1'], reasons: ['AddressInUse'] });
    site.is(OTHER, { type: 'NetworkInterfaceAddressesChanged.v1', data: { ips: [{ value: '10.0.0.9' }] } });
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' }, waits: [] });
    site.is(OTHER, { type: 'NetworkInterfaceRangesTaken.v1', data: { ranges: { 0: '10.0.0.1/32' } } });
    expect(site.wants).toMatchObject({ waits: ['10.0.0.1'] });
    site.is(OTHER, { type: 'NetworkInterfaceRangesTaken.v1', data: { ranges: {} } });
    expect(site.wants).toMatchObject({ waits: [] });
    site.is(OTHER, { type: 'NetworkInterfaceAddressesChanged.v1', data: { ips: [template] } });
    site.is(OTHER, addressed({ ips: ['10.0.0.1'], ofPrefixes: { 0: '10.0.0.1' } }));
    expect(site.wants).toMatchObject({ waits: ['10.0.0.1'] });
    site.end(OTHER);
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' }, waits: [] });
    site.create(OTHER, { spec: { networkRef: { name: 'elsewhere' }, ips: [{ value: '10.0.0.1' }] } });
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' }, waits: [] });
  });

  it('waits until an address has rested on the hosts of its Network', () => {
    const site = new Site().child().allocated();
    site.is(networkKey('ns', 'net'), { type: 'NetworkVniAssigned.v1', data: { vni: 200 } });
    site.create(hostKey('h'), { spec: { underlay: { ip: '192.0.2.1' }, roles: ['Compute'], unschedulable: false } });
    site.is(hostKey('h'), condition('Ready', 'True', 'AgentReady', ''), { type: 'NetworkHeld.v1', data: { vni: 200, network: 'ns/net' } });
    site.is(ONE, contested({ '10.0.0.1': { resting: '30' } }));
    expect(site.wants).toMatchObject({ waits: ['10.0.0.1'], reasons: ['AddressResting'] });
    site.is(hostKey('h'), { type: 'HostApplied.v1', data: { position: '40', tables: { 'endpoints.200': '40' } } });
    expect(site.wants).toMatchObject({ ofPrefixes: { 0: '10.0.0.1' }, waits: [] });
  });

  it('follows sources that come and go, and leaves one alone that is being deleted', () => {
    const site = new Site();
    const prefixes = (...values: string[]): Fact => ({
      type: 'NetworkInterfacePrefixesChanged.v1',
      data: { prefixes: values.map((value) => ({ value })) },
    });
    const literal: Fact = { type: 'NetworkInterfaceAddressesChanged.v1', data: { ips: [{ value: '10.0.0.7' }] } };
    site.is(ONE, prefixes('10.9.0.7/24'));
    expect(site.wants).toMatchObject({ reasons: ['PrefixNotFound', 'Allocated'] });
    site.is(ONE, literal);
    expect(site.wants).toMatchObject({ reasons: ['Allocated'] });
    site.is(ONE, prefixes());
    expect(site.wants).toBeUndefined();
    site.is(ONE, prefixes('10.9.0.7/24'));
    expect(site.wants).toMatchObject({ ranges: { 0: '10.9.0.7/24' } });
    site.is(ONE, condition('PrefixesAllocated', 'True', 'Allocated', '10.9.0.7/24'));
    expect(site.wants).toMatchObject({ ranges: { 0: '10.9.0.7/24' } });
    site.is(ONE, { type: 'NetworkInterfaceRangesTaken.v1', data: { ranges: { 0: '10.9.0.7/24' } } });
    expect(site.wants).toBeUndefined();
    site.is(ONE, prefixes());
    expect(site.wants).toMatchObject({ ranges: {}, reasons: [] });
    site.requestDeletion(ONE);
    expect(site.wants).toBeUndefined();
  });
});
