import type { Draft, Fact, JsonObject } from '@weft/api';
import { WrittenLog } from '@weft/testing';
import { hostKey, machineKey, networkDomain, nicKey } from '../index.ts';
import { SLOTS_MAX } from './machine.loops.ts';

const M = machineKey('ns', 'm');
const slotsOf = (...nics: readonly string[]): JsonObject => ({
  networkInterfaces: nics.map((name, i) => ({ name: `slot${i}`, networkInterfaceRef: { name } })),
});

/** A log with a machine `m` and its interfaces. */
class Rack extends WrittenLog {
  uid = '';

  constructor(spec: JsonObject) {
    super([networkDomain]);
    this.create(hostKey('h'));
    this.uid = this.create(M, { spec: { machinePoolRef: { name: 'h' }, ...spec } });
  }

  nic(name: string, holder: JsonObject = { name: 'm', uid: this.uid }): this {
    this.create(nicKey('ns', name), { spec: { networkRef: { name: 'net' }, machineRef: holder } });
    return this;
  }

  /** What an interface says of itself. */
  says(nic: string, type: string, reason: string, message: string): void {
    this.happen(nicKey('ns', nic), { type: 'ConditionChanged.v1', data: { type, status: 'False', reason, message } });
  }

  programmed(nic: string): void {
    this.happen(nicKey('ns', nic), { type: 'NetworkInterfaceProgrammed.v1', data: { host: 'h', position: '1' } });
  }

  /** Writes a report to the machine. */
  reported(slots: readonly JsonObject[], condition: JsonObject): void {
    const facts: Fact[] = slots.length === 0 ? [] : [{ type: 'MachineInterfacesReported.v1', data: { slots: [...slots] } }];
    this.happen(M, ...facts, { type: 'ConditionChanged.v1', data: { type: 'Ready', ...condition } });
  }

  get report(): JsonObject | undefined {
    const drafts = this.owed('report-machine-interfaces');
    expect(drafts.length).toBeLessThanOrEqual(1);
    const [draft] = drafts as readonly Extract<Draft, { action: string }>[];
    if (draft !== undefined) expect(draft).toMatchObject({ target: 'object', key: M, action: 'ReportInterfaces' });
    return draft?.payload;
  }

  /** Carries out the report that is owed. */
  take(): JsonObject | undefined {
    const { report } = this;
    if (report !== undefined) this.reported(report['slots'] as JsonObject[], report['ready'] as JsonObject);
    return report;
  }
}

const pendingReady = (names: string) => ({
  type: 'Ready',
  status: 'False',
  reason: 'InterfacesPending',
  message: `its network interfaces are not available yet: ${names}`,
});
const ALL_AVAILABLE = { type: 'Ready', status: 'True', reason: 'InterfacesAvailable', message: 'all its network interfaces are available' };

describe('The report of a machine', () => {
  it('is not owed for a machine without interfaces, which is Ready from the start', () => {
    expect(new Rack({}).report).toBeUndefined();
  });

  it('calls a slot pending until its interface is held by the machine, and attached once that is programmed', () => {
    const rack = new Rack(slotsOf('one'));
    const ready = pendingReady('slot0 (NetworkInterface one does not exist)');
    expect(rack.take()).toEqual({ uid: rack.uid, slots: [{ name: 'slot0', state: 'Pending' }], ready });
    expect(rack.report).toBeUndefined();
    rack.nic('one');
    expect(rack.take()).toMatchObject({ slots: [{ name: 'slot0', state: 'Pending', nic: 'one' }], ready: pendingReady('slot0') });
    rack.programmed('one');
    expect(rack.take()).toEqual({ uid: rack.uid, slots: [{ name: 'slot0', state: 'Attached', nic: 'one' }], ready: ALL_AVAILABLE });
    expect(rack.report).toBeUndefined();
  });

  it.each<[string, (rack: Rack) => void, string]>([
    [
      'another machine holds',
      (rack) => rack.nic('one', { name: 'servers', uid: 'other' }),
      ' (NetworkInterface one is held by Machine servers)',
    ],
    ['a machine of this name held', (rack) => rack.nic('one', { name: 'm', uid: 'other' }), ''],
    ['nobody holds', (rack) => rack.create(nicKey('ns', 'one'), { spec: { networkRef: { name: 'net' } } }), ''],
    [
      'is in another namespace',
      (rack) => rack.create(nicKey('else', 'one'), { spec: { machineRef: { name: 'm', uid: rack.uid } } }),
      ' (NetworkInterface one does not exist)',
    ],
  ])('does not count an interface that %s', (_what, happens, why) => {
    const rack = new Rack(slotsOf('one'));
    happens(rack);
    expect(rack.take()).toMatchObject({ slots: [{ name: 'slot0', state: 'Pending' }], ready: pendingReady(`slot0${why}`) });
    expect(rack.report).toBeUndefined();
  });

  it.each([
    ['Ready', 'NetworkNotFound', true],
    ['Ready', 'AddressUnusable', true],
    ['Ready', 'HostUnschedulable', true],
    ['Ready', 'HostLost', true],
    ['Ready', 'HostUnready', true],
    ['AddressesAllocated', 'PrefixNotFound', true],
    // These pass, and each would cost the machine a report.
    ['Ready', 'NotProgrammed', false],
    ['Ready', 'NetworkNotAvailable', false],
    ['Ready', 'AddressResting', false],
    ['PrefixesAllocated', 'PrefixNotFound', false],
  ])(
    'given an interface with %s False, %s, then says what lasts beside the slot, as long as that is not programmed',
    (type, reason, isSaid) => {
      const rack = new Rack(slotsOf('one', 'two')).nic('one').nic('two');
      rack.take();
      rack.says('one', type, reason, 'why');
      const { report } = rack;
      if (isSaid) expect(report).toEqual({ uid: rack.uid, slots: [], ready: pendingReady('slot0 (why), slot1') });
      else expect(report).toBeUndefined();
      rack.take();
      rack.programmed('one');
      expect(rack.report).toMatchObject({ ready: pendingReady('slot1') });
    },
  );

  it.each<[string, string | undefined, string, string]>([
    ['names no host', undefined, 'MachineNotScheduled', 'it names no host (spec.machinePoolRef)'],
    ['names a host that is not there', 'nowhere', 'HostMissing', 'host nowhere does not exist'],
  ])('given a machine that %s, then says so while slots wait, until it is there', (_what, pool, reason, why) => {
    const rack = new Rack({ ...slotsOf('one'), machinePoolRef: pool && { name: pool } } as JsonObject).nic('one');
    const message = `${why}; its network interfaces are not available yet: slot0`;
    expect(rack.take()).toMatchObject({ ready: { type: 'Ready', status: 'False', reason, message } });
    if (pool === undefined) rack.happen(M, { type: 'MachineScheduled.v1', data: { machinePoolRef: { name: 'h' } } });
    else rack.create(hostKey(pool));
    expect(rack.take()).toEqual({ uid: rack.uid, slots: [], ready: pendingReady('slot0') });
    expect(rack.report).toBeUndefined();
  });

  it.each<[string, (rack: Rack) => void, JsonObject]>([
    ['is released', (rack) => rack.happen(nicKey('ns', 'one'), { type: 'NetworkInterfaceReleased.v1', data: {} }), {}],
    ['goes', (rack) => rack.end(nicKey('ns', 'one')), {}],
    [
      'is placed elsewhere',
      (rack) => rack.happen(nicKey('ns', 'one'), { type: 'NetworkInterfacePlaced.v1', data: { host: 'other' } }),
      { nic: 'one' },
    ],
    [
      'gets other addresses',
      (rack) => rack.happen(nicKey('ns', 'one'), { type: 'NetworkInterfaceAddressed.v1', data: { ips: ['10.0.0.9'] } }),
      { nic: 'one' },
    ],
  ])('takes back that a slot is attached when its interface %s', (_what, happens, more) => {
    const rack = new Rack(slotsOf('one')).nic('one');
    rack.programmed('one');
    rack.take();
    happens(rack);
    expect(rack.report).toMatchObject({ slots: [{ name: 'slot0', state: 'Pending', ...more }], ready: { status: 'False' } });
  });

  it('looks for interfaces in the namespace of the machine', () => {
    const rack = new Rack({});
    const far = machineKey('far', 'm');
    const uid = rack.create(far, { spec: slotsOf('one') });
    rack.create(nicKey('far', 'one'), { spec: { machineRef: { name: 'm', uid } } });
    expect(rack.owed('report-machine-interfaces')).toMatchObject([{ key: far, payload: { slots: [{ name: 'slot0', nic: 'one' }] } }]);
  });

  it('names only slots that differ', () => {
    const rack = new Rack(slotsOf('one', 'two')).nic('one').nic('two');
    rack.take();
    rack.programmed('two');
    expect(rack.take()).toMatchObject({ slots: [{ name: 'slot1', state: 'Attached', nic: 'two' }], ready: pendingReady('slot0') });
    expect(rack.report).toBeUndefined();
  });

  it('corrects slots and conditions that were reported on an older view', () => {
    const rack = new Rack(slotsOf('one')).nic('one');
    rack.programmed('one');
    rack.take();
    rack.reported([], pendingReady('slot0'));
    expect(rack.report).toEqual({ uid: rack.uid, slots: [], ready: ALL_AVAILABLE });
    rack.take();
    rack.reported([], { ...ALL_AVAILABLE, message: 'else' });
    expect(rack.report).toBeDefined();
    rack.take();
    rack.reported([], { ...ALL_AVAILABLE, reason: 'Else' });
    expect(rack.report).toBeDefined();
    rack.take();
    rack.reported([], { ...ALL_AVAILABLE, status: 'Unknown' });
    expect(rack.report).toBeDefined();
    rack.take();
    rack.reported([{ name: 'slot0', state: 'Pending' }], ALL_AVAILABLE);
    expect(rack.report).toMatchObject({ slots: [{ state: 'Attached' }] });
  });

  it('reports a slot with an inline interface only once', () => {
    const rack = new Rack({ networkInterfaces: [{ name: 'a', ephemeral: { networkInterfaceTemplate: { spec: {} } } }] });
    expect(rack.take()).toMatchObject({ slots: [{ name: 'a', state: 'Pending' }] });
    expect(rack.report).toBeUndefined();
  });

  it('is not owed for a machine that is being deleted, or is gone', () => {
    const rack = new Rack(slotsOf('one'));
    rack.requestDeletion(M);
    expect(rack.report).toBeUndefined();
    rack.end(M);
    expect(rack.report).toBeUndefined();
  });

  it('comes in parts that are bounded, and ends', () => {
    const rack = new Rack(slotsOf(...Array.from({ length: SLOTS_MAX + 5 }, (_, i) => `nic${i}`)));
    const parts = [rack.take(), rack.take()];
    expect(parts.map((report) => ((report as JsonObject)['slots'] as unknown[]).length)).toEqual([SLOTS_MAX, 5]);
    expect(parts.map((report) => (((report as JsonObject)['ready'] as JsonObject)['message'] as string).length)).toEqual([512, 512]);
    expect(rack.report).toBeUndefined();
  });
});
