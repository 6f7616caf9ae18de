import { conditionOf, type DecideContext, type Draft, type Fact, type JsonObject, type ObjectKey, streamOf } from '@weft/api';
import { WrittenLog } from '@weft/testing';
import { hostKey, machineKey, networkDomain, networkKey, nicKey } from '../index.ts';
import { networkInterfaceKind } from './network-interface.kind.ts';

const ONE = nicKey('ns', 'one');
const ready = (status: string, reason: string, message: string) => ({ type: 'Ready', status, reason, message });
const NOT_ATTACHED = ready('False', 'NotAttached', 'no machine names it');
const NO_NETWORK = ready('False', 'NetworkNotFound', 'network net does not exist');
const NOT_PROGRAMMED = ready('False', 'NotProgrammed', 'placed on host h, which has not programmed it yet');

const NAMES_ONE: Fact = {
  type: 'MachineNetworkInterfacesChanged.v1',
  data: { networkInterfaces: [{ name: 's', networkInterfaceRef: { name: 'one' } }] },
};

type Act = Extract<Draft, { action: string }>;

/** A log with hosts, machines, networks and the interface `one`. */
class Site extends WrittenLog {
  readonly uids = new Map<string, string>();

  constructor() {
    super([networkDomain]);
  }

  host(name = 'h', { heard = true }: { heard?: boolean } = {}): this {
    const spec = { underlay: { ip: '192.0.2.1' }, roles: ['Compute'], unschedulable: false };
    this.uids.set(name, this.create(hostKey(name), { spec }));
    return heard ? this.condition(hostKey(name), ready('True', 'AgentReady', '')) : this;
  }

  network(vni: number | 'none' = 200): this {
    this.create(networkKey('ns', 'net'));
    if (vni !== 'none') this.happen(networkKey('ns', 'net'), { type: 'NetworkVniAssigned.v1', data: { vni } });
    return this;
  }

  machine(name = 'm', { nics = ['one'], pool = 'h' as string | undefined, namespace = 'ns' } = {}): this {
    const networkInterfaces = nics.map((nic, i) => ({ name: `slot${i}`, networkInterfaceRef: { name: nic } }));
    const spec = { networkInterfaces, ...(pool !== undefined && { machinePoolRef: { name: pool } }) };
    this.uids.set(name, this.create(machineKey(namespace, name), { spec }));
    return this;
  }

  /** The interface `one`, with `spec` beside its network and its address. */
  nic(spec: JsonObject = {}, address: JsonObject = {}): this {
    this.uids.set('one', this.create(ONE, { spec: { networkRef: { name: 'net' }, ips: [{ value: '10.0.0.1' }], ...spec } }));
    this.happen(ONE, { type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.1'], index: 0, ...address } });
    return this;
  }

  is(...facts: readonly Fact[]): this {
    this.happen(ONE, ...facts);
    return this;
  }

  condition(key: ObjectKey, data: JsonObject): this {
    this.happen(key, { type: 'ConditionChanged.v1', data });
    return this;
  }

  cordon(): this {
    this.happen(hostKey('h'), { type: 'HostCordoned.v1', data: {} });
    return this;
  }

  uid(name: string): string {
    return this.uids.get(name)!;
  }

  /** The payload of the action that a loop owes for the interface. */
  wants(loop: string, action: string): JsonObject | undefined {
    const drafts = this.owed(loop) as readonly Act[];
    expect(drafts.length).toBeLessThanOrEqual(1);
    if (drafts[0] !== undefined) expect(drafts[0]).toMatchObject({ target: 'object', key: ONE, action });
    return drafts[0]?.payload;
  }

  get settlement(): JsonObject | undefined {
    return this.wants('settle-interfaces', 'Settle');
  }

  /** Carries out the settlement that is owed, as the interface decides it; then the loop owes nothing. */
  settle(): this {
    for (let commands = 0; this.settlement !== undefined; commands++) {
      expect(commands).toBeLessThan(3);
      this.carryOut('Settle', this.settlement);
    }
    return this;
  }

  carryOut(action: string, payload: JsonObject): readonly string[] {
    const decision = networkInterfaceKind.actions![action]!(this.fold.get(ONE)!, payload, {} as DecideContext);
    if (decision.outcome === 'rejected') throw new Error(decision.status.message);
    if (decision.facts.length > 0) this.write(streamOf(ONE), decision.facts);
    return decision.facts.map(({ type }) => type);
  }

  report(position = this.fold.position, host = 'h'): this {
    this.happen(hostKey(host), { type: 'NicProgrammed.v1', data: { nics: [{ uid: this.uid('one'), position: `${position}` }] } });
    return this;
  }

  get health(): JsonObject | undefined {
    return this.wants('show-host-health', 'ShowHostHealth');
  }

  get programmed(): JsonObject | undefined {
    return this.wants('programmed-interfaces', 'Programmed');
  }

  get state() {
    const { object, facts } = this.fold.get(ONE)!;
    return { machine: (object.spec?.['machineRef'] as JsonObject | undefined)?.['name'], host: facts['placement'] };
  }
}

/** Network and host exist, and the machine `m` names the interface `one`. */
const given = (): Site => new Site().host().network().machine().nic();
/** The same, with the interface placed and programmed. */
const attached = (): Site => {
  const site = given().settle().report();
  site.carryOut('Programmed', site.programmed!);
  return site.settle();
};
/** The same, with the interface placed and not programmed yet. */
const placed = (): Site => given().settle();
const bare = (site: Site) => ({ uid: site.uid('one') });
const held = (site: Site, by = 'm') => ({ uid: site.uid('one'), machine: site.uid(by) });

describe('An interface and its machine', () => {
  it('needs nothing while no machine names it', () => {
    const site = new Site().host().network().nic();
    site.machine('other', { nics: ['two'] });
    site.machine('m', { namespace: 'else' });
    expect(site.settlement).toBeUndefined();
  });

  it('is given to the machine that names it, and placed on its host', () => {
    const site = given();
    const claim = { name: 'm', uid: site.uid('m') };
    expect(site.settlement).toEqual({ ...held(site), claim, host: 'h', ready: NOT_PROGRAMMED });
    expect(site.settle().state).toEqual({ machine: 'm', host: { host: 'h' } });
  });

  it('is given to the first created of the machines that name it, without those being deleted', () => {
    const site = new Site().host().network().machine('z').machine('b').machine('a').nic();
    expect(site.settlement).toMatchObject({ claim: { name: 'z' } });
    site.requestDeletion(machineKey('ns', 'z'));
    expect(site.settlement).toMatchObject({ claim: { name: 'b' } });
    site.end(machineKey('ns', 'b'));
    expect(site.settlement).toMatchObject({ claim: { name: 'a' } });
    // It does not matter who was first to name it.
    const late = new Site().host().network().machine('old', { nics: [] }).machine('new').nic();
    late.happen(machineKey('ns', 'old'), NAMES_ONE);
    expect(late.settlement).toMatchObject({ claim: { name: 'old' } });
  });

  it('has no handle when a machine takes it', () => {
    const site = new Site().host().network().machine().nic({ providerID: 'x://1' }).settle();
    expect(site.state.machine).toBe('m');
    expect(site.fold.get(ONE)!.object.spec).not.toHaveProperty('providerID');
  });

  it('stays with the machine that has it when an older one names it too', () => {
    const site = new Site().host().network().machine('old', { nics: [] }).machine('m').nic().settle();
    site.happen(machineKey('ns', 'old'), NAMES_ONE);
    expect([site.settlement, site.state.machine]).toEqual([undefined, 'm']);
  });

  it('is released, and loses its handle, when its machine does not name it any more; the next machine takes it at once', () => {
    const site = given().settle().machine('next');
    site.is({ type: 'NetworkInterfaceProviderIdChanged.v1', data: { providerID: 'x://1' } });
    const gone = { type: 'MachineNetworkInterfacesChanged.v1', data: {} };
    site.happen(machineKey('ns', 'm'), gone);
    const next = { name: 'next', uid: site.uid('next') };
    expect(site.settlement).toEqual({
      ...held(site, 'next'),
      release: site.uid('m'),
      drops: true,
      claim: next,
      host: 'h',
      ready: NOT_PROGRAMMED,
    });
    site.happen(machineKey('ns', 'next'), gone);
    expect(site.settlement).toEqual({ ...bare(site), release: site.uid('m'), drops: true, ready: NOT_ATTACHED });
    site.settle();
    expect(site.state).toEqual({ machine: undefined, host: undefined });
    expect(site.fold.get(ONE)!.object.spec).not.toHaveProperty('providerID');
  });

  it('is released when its machine has ended, and keeps its handle', () => {
    const site = given().settle();
    site.is({ type: 'NetworkInterfaceProviderIdChanged.v1', data: { providerID: 'x://1' } });
    site.end(machineKey('ns', 'm'));
    expect(site.settlement).toEqual({ ...bare(site), release: site.uid('m'), ready: NOT_ATTACHED });
    site.settle();
    expect(site.state).toEqual({ machine: undefined, host: undefined });
    expect(site.fold.get(ONE)!.object.spec).toMatchObject({ providerID: 'x://1' });
  });

  it('is given to the next machine of the same name as to any other', () => {
    const site = given().settle();
    const former = site.uid('m');
    site.end(machineKey('ns', 'm'));
    site.machine();
    expect(site.settlement).toMatchObject({ release: former, claim: { uid: site.uid('m') } });
    expect(site.settlement).not.toHaveProperty('drops');
  });

  it('is given up by a reference that names no uid', () => {
    const site = new Site().network().nic({ machineRef: { name: 'm' } });
    expect(site.settlement).toEqual({ ...bare(site), release: '', ready: NOT_ATTACHED });
    expect(site.settle().state.machine).toBeUndefined();
  });

  it('stays with a machine that is being deleted until that has ended, whether or not it is named', () => {
    const site = attached();
    site.requestDeletion(machineKey('ns', 'm'));
    site.happen(machineKey('ns', 'm'), { type: 'MachineNetworkInterfacesChanged.v1', data: {} });
    expect([site.settlement, site.state]).toEqual([undefined, { machine: 'm', host: { host: 'h' } }]);
  });

  it('is unplaced when it is being deleted itself, and is not claimed any more', () => {
    const site = attached();
    site.requestDeletion(ONE);
    const deleting = ready('False', 'Deleting', 'its deletion was asked for');
    expect(site.settlement).toEqual({ ...held(site), ready: deleting });
    expect(site.settle().state).toEqual({ machine: 'm', host: undefined });
    // Its machine stays in machineRef, even when it is gone or does not name the interface any more.
    site.happen(machineKey('ns', 'm'), { type: 'MachineNetworkInterfacesChanged.v1', data: {} });
    expect(site.settlement).toBeUndefined();
    site.end(machineKey('ns', 'm'));
    expect(site.settlement).toBeUndefined();
    const free = given();
    free.requestDeletion(ONE);
    expect(free.settlement).toEqual({ ...bare(free), ready: deleting });
    const nameless = new Site().nic({ machineRef: { name: 'm' } });
    nameless.requestDeletion(ONE);
    expect(nameless.settlement).toEqual({ ...bare(nameless), ready: deleting });
    nameless.settle();
  });
});

describe('An interface and its host', () => {
  it.each<[string, (site: Site) => unknown, JsonObject]>([
    [
      'its machine names none',
      (site) => site.happen(machineKey('ns', 'm'), { type: 'MachineScheduled.v1', data: {} }),
      ready('False', 'MachineNotScheduled', 'machine m names no host (spec.machinePoolRef)'),
    ],
    [
      'its machine names one that is not there',
      (site) => site.happen(machineKey('ns', 'm'), { type: 'MachineScheduled.v1', data: { machinePoolRef: { name: 'none' } } }),
      ready('False', 'HostMissing', 'host none does not exist'),
    ],
    ['the host has ended', (site) => site.end(hostKey('h')), ready('False', 'HostMissing', 'host h does not exist')],
    [
      'the host was made again since',
      (site) => {
        site.end(hostKey('h'));
        site.host();
      },
      ready('False', 'HostReplaced', 'host h was removed and made again since it was placed there'),
    ],
    [
      'it has no address any more',
      (site) => site.is({ type: 'NetworkInterfaceAddressed.v1', data: { ips: [] } }),
      ready('False', 'AddressPending', 'it has no address yet'),
    ],
    [
      'its address is none that a guest can have',
      (site) => site.is({ type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.1', '127.0.0.1'] } }),
      ready('False', 'AddressUnusable', expect.stringMatching(/^its address 127\.0\.0\.1 /) as unknown as string),
    ],
    ['its network is gone, and the rows with it', (site) => site.end(networkKey('ns', 'net')), NO_NETWORK],
  ])('is taken away when %s', (_why, happens, condition) => {
    const site = attached();
    happens(site);
    expect(site.settlement).toEqual({ ...held(site), ready: condition });
    site.carryOut('Settle', site.settlement!);
    expect(site.state).toEqual({ machine: 'm', host: undefined });
    site.settle();
  });

  it('is the new one when its machine moves to another, or when the host was created again', () => {
    const site = attached().host('other');
    site.happen(machineKey('ns', 'm'), { type: 'MachineScheduled.v1', data: { machinePoolRef: { name: 'other' } } });
    expect(site.settlement).toMatchObject({ host: 'other', ready: { reason: 'NotProgrammed' } });
    expect(site.settle().state.host).toEqual({ host: 'other' });
    const again = attached();
    again.end(hostKey('h'));
    again.host();
    again.settle();
    expect(again.state.host).toEqual({ host: 'h' });
    expect(again.fold.get(ONE)!.facts).not.toHaveProperty('programmed');
  });

  it('takes no new interface while it is cordoned, and keeps placed ones', () => {
    const site = given().cordon();
    expect(site.settlement).toMatchObject({ ready: ready('False', 'HostUnschedulable', 'host h takes nothing new') });
    expect(site.settle().state).toEqual({ machine: 'm', host: undefined });
    site.happen(hostKey('h'), { type: 'HostUncordoned.v1', data: {} });
    expect(site.settle().state.host).toEqual({ host: 'h' });
    site.cordon();
    expect(site.settlement).toBeUndefined();
  });

  it.each<[string, (site: Site) => Site]>([
    ['no machine names it', (site) => site],
    ['its machine names no host', (site) => site.machine('m', { pool: undefined })],
    ['its machine names a host that is not there', (site) => site.machine('m', { pool: 'none' })],
    ['its host takes nothing new', (site) => site.host().machine().cordon()],
    ['it is placed', (site) => site.host().machine()],
  ])('given that %s, then a missing network is what is said first, and the other reason once that is there', (_what, prepare) => {
    const site = prepare(new Site().nic()).settle();
    expect(conditionOf(site.fold.get(ONE)!.object, 'Ready')).toMatchObject(NO_NETWORK);
    site.network('none');
    expect(site.settlement).toMatchObject({ ready: { status: 'False', reason: expect.not.stringMatching('NetworkNotFound') } });
    expect(site.settle().settlement).toBeUndefined();
  });

  it('given a network that is there, then nothing is owed for an interface that no machine names', () => {
    expect(new Site().network('none').nic().settlement).toBeUndefined();
  });

  it('has a reason while its network has no number, and another one while it waits to be programmed', () => {
    const site = new Site().host().network('none').machine().nic();
    expect(site.settlement).toMatchObject({
      host: 'h',
      ready: ready('False', 'NetworkNotAvailable', 'placed on host h; network net is not available'),
    });
    site.settle().happen(networkKey('ns', 'net'), { type: 'NetworkVniAssigned.v1', data: { vni: 201 } });
    expect(site.settlement).toEqual({ ...held(site), host: 'h', ready: NOT_PROGRAMMED });
    site.settle();
  });

  it('shows when the host that it is placed on is not Ready, and is not Available meanwhile', () => {
    const site = attached();
    const shows = () => {
      const { object } = site.fold.get(ONE)!;
      const condition = conditionOf(object, 'Ready');
      return [object.status?.['state'], condition?.status, condition?.reason, condition?.message];
    };
    for (const [reason, failure, message] of [
      ['HeartbeatsMissing', 'HostLost', 'host h is not heard of'],
      ['UnderlayAddressMissing', 'HostUnready', 'host h is not Ready; its conditions say why'],
    ] as const) {
      site.condition(hostKey('h'), ready('False', reason, ''));
      expect(site.health).toEqual({ host: 'h', failure });
      expect(site.carryOut('ShowHostHealth', site.health!)).toEqual(['NetworkInterfaceHostFailed.v1', 'ConditionChanged.v1']);
      expect(shows()).toEqual(['Pending', failure === 'HostLost' ? 'Unknown' : 'False', failure, message]);
      expect([site.health, site.settlement]).toEqual([undefined, undefined]);
    }
    site.condition(hostKey('h'), ready('True', 'AgentReady', ''));
    expect(site.carryOut('ShowHostHealth', site.health!)).toEqual(['NetworkInterfaceHostRecovered.v1', 'ConditionChanged.v1']);
    expect(shows()).toEqual(['Available', 'True', 'Programmed', 'programmed on host h']);
    expect([site.health, site.settlement]).toEqual([undefined, undefined]);
  });

  it('shows no health of a host that it has left, or that it shows already', () => {
    const site = attached();
    expect(site.carryOut('ShowHostHealth', { host: 'other', failure: 'HostLost' })).toEqual([]);
    expect(site.carryOut('ShowHostHealth', { host: 'h' })).toEqual([]);
    site.is({ type: 'NetworkInterfaceUnplaced.v1', data: {} });
    expect(site.carryOut('ShowHostHealth', { host: 'h', failure: 'HostLost' })).toEqual([]);
    for (const left of [
      { type: 'NetworkInterfacePlaced.v1', data: { host: 'other' } },
      { type: 'NetworkInterfaceUnplaced.v1', data: {} },
    ]) {
      site.is({ type: 'NetworkInterfaceHostFailed.v1', data: { host: 'h', reason: 'HostLost' } }, left);
      expect(site.fold.get(ONE)!.facts).not.toHaveProperty('hostFailure');
    }
  });

  it('becomes Available when its host is Ready again, not when that reports it before', () => {
    const site = placed();
    site.condition(hostKey('h'), ready('False', 'KernelUnreadable', ''));
    site.carryOut('ShowHostHealth', site.health!);
    site.report();
    expect(site.programmed).toBeUndefined();
    // A report that was on its way.
    site.carryOut('Programmed', { uid: site.uid('one'), host: 'h', position: `${site.fold.position}` });
    expect(site.fold.get(ONE)!.object.status).toMatchObject({ state: 'Pending' });
    expect(conditionOf(site.fold.get(ONE)!.object, 'Ready')).toMatchObject({ reason: 'HostUnready' });
    site.condition(hostKey('h'), ready('True', 'AgentReady', ''));
    site.carryOut('ShowHostHealth', site.health!);
    expect(site.fold.get(ONE)!.object.status).toMatchObject({ state: 'Available' });
  });

  it('waits for the report of its host when that is Ready again and had not programmed it', () => {
    const site = placed();
    site.condition(hostKey('h'), ready('False', 'KernelUnreadable', ''));
    site.carryOut('ShowHostHealth', site.health!);
    site.is({ type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.2'] } });
    expect(site.fold.get(ONE)!.facts).toMatchObject({ hostFailure: 'HostUnready' });
    site.condition(hostKey('h'), ready('True', 'AgentReady', ''));
    site.carryOut('ShowHostHealth', site.health!);
    expect(site.fold.get(ONE)!.object.status).toMatchObject({ state: 'Pending' });
    expect(conditionOf(site.fold.get(ONE)!.object, 'Ready')).toMatchObject(NOT_PROGRAMMED);
    expect(site.report().programmed).toBeDefined();
  });

  it('of an older log, which was Available on a silent host, is corrected', () => {
    const site = attached();
    site.condition(hostKey('h'), ready('False', 'HeartbeatsMissing', ''));
    site.condition(ONE, ready('Unknown', 'HostLost', 'programmed on host h, which is not heard of'));
    site.carryOut('ShowHostHealth', site.health!);
    expect(site.fold.get(ONE)!.object.status).toMatchObject({ state: 'Pending' });
    expect(site.settlement).toBeUndefined();
  });

  it('is one of many that a host which is lost, and then one which is back, owes a bounded number of commands for', () => {
    const site = new Site().host().network();
    const all = Array.from({ length: 150 }, (_, i) => nicKey('ns', `n${i}`));
    for (const key of all) {
      site.create(key, { spec: { networkRef: { name: 'net' } } });
      site.happen(key, { type: 'NetworkInterfacePlaced.v1', data: { host: 'h' } });
    }
    const rounds = (type: string): number[] => {
      const counts: number[] = [];
      for (
        let owed = site.owed('show-host-health') as readonly Act[];
        owed.length > 0;
        owed = site.owed('show-host-health') as readonly Act[]
      ) {
        counts.push(owed.length);
        for (const { key, payload } of owed)
          site.happen(key, { type, data: { host: 'h', reason: (payload as JsonObject)['failure'] ?? '' } });
      }
      return counts;
    };
    expect(rounds('')).toEqual([]);
    site.condition(hostKey('h'), ready('False', 'HeartbeatsMissing', ''));
    expect(rounds('NetworkInterfaceHostFailed.v1')).toEqual([64, 64, 22]);
    site.condition(hostKey('h'), ready('True', 'AgentReady', ''));
    expect(rounds('NetworkInterfaceHostRecovered.v1')).toEqual([64, 64, 22]);
  });

  it('gets a condition corrected that was set on an older view', () => {
    const site = attached().condition(ONE, NOT_PROGRAMMED);
    expect(site.settlement).toMatchObject({ ready: { status: 'True' } });
    site.settle().is({ type: 'NetworkInterfaceUnplaced.v1', data: {} });
    expect(site.settle().state.host).toEqual({ host: 'h' });
  });

  it('waits while its address rests, and is placed when it has rested', () => {
    const site = new Site().host().network().machine();
    site.happen(hostKey('h'), { type: 'NetworkHeld.v1', data: { vni: 200, network: 'ns/net' } });
    site.nic({}, { resting: '20' });
    const waits = ready('False', 'AddressResting', 'hosts have yet to remove the former holder of its address');
    expect(site.settlement).toMatchObject({ ready: waits });
    expect(site.settlement).not.toHaveProperty('host');
    site.settle();
    // One that imports the network filters by the policies of its own networks.
    site.host('importer');
    const importer = hostKey('importer');
    site.happen(importer, { type: 'NetworkImported.v1', data: { vni: 200, network: 'ns/net' } });
    site.happen(importer, { type: 'HostApplied.v1', data: { tables: { 'endpoints.200': '20' }, position: '1' } });
    // A host that still filters by the policies of before would take it for its former holder.
    for (const tables of [{ 'endpoints.200': '20' }, { 'policies.200': '19' }]) {
      site.happen(hostKey('h'), { type: 'HostApplied.v1', data: { tables, position: '1' } });
      expect(site.settlement).toBeUndefined();
    }
    site.happen(hostKey('h'), { type: 'HostApplied.v1', data: { tables: { 'policies.200': '20' }, position: '1' } });
    expect(site.settlement).toEqual({ ...held(site), host: 'h', rested: true, rest: '20', ready: NOT_PROGRAMMED });
    expect(site.settle().fold.get(ONE)!.facts).toEqual({ index: 0, placement: { host: 'h' } });
  });

  it.each<[string, Site]>([
    ['no machine names', new Site()],
    ['waits for the host of its machine', new Site().machine('m', { pool: 'missing' })],
  ])('says that its address has rested also while it %s', (_which, site) => {
    site.host().network();
    site.happen(hostKey('h'), { type: 'NetworkHeld.v1', data: { vni: 200, network: 'ns/net' } });
    site.nic({}, { resting: '20' }).settle();
    expect(site.fold.get(ONE)!.facts).toEqual({ index: 0, resting: '20' });
    const tables = { 'endpoints.200': '20', 'policies.200': '20' };
    site.happen(hostKey('h'), { type: 'HostApplied.v1', data: { tables, position: '1' } });
    expect(site.settlement).toMatchObject({ rested: true, rest: '20' });
    expect(site.settle().fold.get(ONE)!.facts).toEqual({ index: 0 });
  });
});

describe('The settlement of an interface', () => {
  it('does nothing for another incarnation', () => {
    const site = given();
    expect(site.carryOut('Settle', { ...site.settlement!, uid: 'former' })).toEqual([]);
  });

  it('does nothing when another machine has claimed the interface meanwhile', () => {
    const site = given().machine('rival');
    const late = site.settlement!;
    site.is({ type: 'NetworkInterfaceClaimed.v1', data: { machineRef: { name: 'rival', uid: site.uid('rival') } } });
    expect(site.carryOut('Settle', late)).toEqual([]);
    expect(site.carryOut('Settle', { ...late, release: 'somebody else' })).toEqual([]);
  });

  it('places nothing while an address rests, unless it says that the address has rested', () => {
    const site = given();
    const late = site.settlement!;
    site.is({ type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.1'], resting: '7' } });
    expect(site.carryOut('Settle', late)).toEqual(['NetworkInterfaceClaimed.v1', 'ConditionChanged.v1']);
  });

  it('does not end a rest that came after the one of which it says that it has ended', () => {
    const site = given();
    const resting = (position: string) => site.is({ type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.1'], resting: position } });
    resting('7');
    const late = { ...site.settlement!, rested: true, rest: '7' };
    resting('9');
    expect(site.carryOut('Settle', late)).not.toContain('NetworkInterfaceAddressesRested.v1');
    expect(site.carryOut('Settle', { ...late, rest: '9' })).toContain('NetworkInterfaceAddressesRested.v1');
  });
});

describe('The report of a host', () => {
  it('makes the interface that is placed there Available, once', () => {
    const site = placed().report();
    const position = `${site.appends.at(-2)!.position}`;
    expect(site.programmed).toEqual({ uid: site.uid('one'), host: 'h', position });
    expect(site.carryOut('Programmed', site.programmed!)).toEqual(['NetworkInterfaceProgrammed.v1', 'ConditionChanged.v1']);
    expect([site.programmed, site.settlement]).toEqual([undefined, undefined]);
    expect(site.fold.get(ONE)!.object.status).toMatchObject({ state: 'Available' });
    expect(site.fold.record('programmed-reports', site.uid('one'))).toBeUndefined();
  });

  it('makes it Available as soon as the interface is placed there with these addresses', () => {
    const site = placed();
    const placedAt = site.fold.get(ONE)!.facets['placement']!.position;
    site.report(placedAt - 1n);
    expect(site.programmed).toBeUndefined();
    site.report(placedAt);
    expect(site.programmed).toBeDefined();
    site.is({ type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.2'] } });
    expect(site.programmed).toBeUndefined();
    site.report();
    expect(site.programmed).toBeDefined();
  });

  it('is ignored for another incarnation, or for an interface that is not placed there', () => {
    const site = placed().host('other').report(undefined, 'other');
    expect(site.programmed).toBeUndefined();
    site.report();
    const { programmed } = site;
    expect(site.carryOut('Programmed', { ...programmed!, uid: 'former' })).toEqual([]);
    expect(site.carryOut('Programmed', { ...programmed!, host: 'other' })).toEqual([]);
    expect(site.carryOut('Programmed', { ...programmed!, position: '1' })).toEqual([]);
    site.is({ type: 'NetworkInterfaceUnplaced.v1', data: {} });
    expect(site.programmed).toBeUndefined();
    expect(site.carryOut('Programmed', programmed!)).toEqual([]);
  });

  it('is not hidden by a late report of the host that the interface has left', () => {
    const site = placed().host('other');
    const former = site.fold.position;
    site.happen(machineKey('ns', 'm'), { type: 'MachineScheduled.v1', data: { machinePoolRef: { name: 'other' } } });
    site.settle().report(undefined, 'other').report(former, 'h');
    expect(site.programmed).toMatchObject({ host: 'other' });
  });

  it.each<[string, (site: Site) => unknown]>([
    ['has ended', () => {}],
    ['was made again', (site) => site.host()],
  ])('does not count when the host %s', (_what, happens) => {
    const site = placed().report();
    site.end(hostKey('h'));
    happens(site);
    expect(site.programmed).toBeUndefined();
    expect(site.settle().programmed).toBeUndefined();
  });

  it('is forgotten when the interface ends, and does not count for the next one of its name', () => {
    const site = placed().report();
    const former = site.uid('one');
    site.end(ONE);
    expect(site.fold.record('programmed-reports', former)).toBeUndefined();
    expect(site.nic().settle().programmed).toBeUndefined();
  });

  it('is forgotten also when it comes after the interface was programmed', () => {
    const site = attached().report();
    expect([site.programmed, site.fold.record('programmed-reports', site.uid('one'))]).toEqual([undefined, expect.anything()]);
    site.condition(ONE, ready('Unknown', 'HostLost', ''));
    expect(site.fold.record('programmed-reports', site.uid('one'))).toBeUndefined();
  });
});
