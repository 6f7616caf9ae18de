import { type Fact, type ObjectKey, resourceVersionOf, uuidv5 } from '@weft/api';
import { WrittenLog } from '@weft/testing';
import { hostKey, namespaceKey, networkDomain, nicKey } from '../index.ts';
import { eventRules } from './event.rules.ts';
import { eventFieldsOf } from './event-fields.ts';
import { NOTICES_MAX, WARNINGS_MAX } from './event-ledgers.ts';

const ONE = nicKey('ns', 'one');
const HOST = hostKey('host-a');

const turn = (status: string, reason: string, { type = 'Ready', message = `because of ${reason}` } = {}): Fact => ({
  type: 'ConditionChanged.v1',
  data: { type, status, reason, message },
});

class Site extends WrittenLog {
  constructor() {
    super([networkDomain]);
    this.create(ONE);
  }

  /** Events by type, the oldest first. */
  events(type: 'Warning' | 'Normal') {
    const records = this.fold.records(type === 'Warning' ? 'event-warnings' : 'event-notices');
    return [...records].map(([place, state]) => {
      const { object, key } = state as NonNullable<ReturnType<WrittenLog['fold']['get']>>;
      expect(place).toBe(`${key.namespace}/${key.name}`);
      expect(eventRules(object)).toEqual([]);
      return { ...eventFieldsOf(object), metadata: object.metadata };
    });
  }

  get told(): readonly string[] {
    return (['Warning', 'Normal'] as const).flatMap((type) => this.events(type).map(({ reason, count }) => `${type} ${reason} ${count}`));
  }
}

describe('Events (http-api 15)', () => {
  it('tell that a condition has turned bad, of which object, why and when', () => {
    const site = new Site().passSeconds(60);
    const resourceVersion = resourceVersionOf(site.happen(ONE, turn('False', 'HostMissing')).events[0]);
    const at = new Date(site.nowMs).toISOString().replace('.000', '');
    expect(site.events('Warning')).toEqual([
      expect.objectContaining({
        type: 'Warning',
        reason: 'HostMissing',
        message: 'because of HostMissing',
        count: 1,
        firstTimestamp: at,
        lastTimestamp: at,
        source: { component: 'weft' },
        involvedObject: {
          apiVersion: 'networking.ironcore.dev/v1alpha1',
          kind: 'NetworkInterface',
          namespace: 'ns',
          name: 'one',
          uid: 'one-1',
          resourceVersion,
        },
        metadata: expect.objectContaining({
          namespace: 'ns',
          name: expect.stringMatching(/^one\.[0-9a-f]{16}$/),
          resourceVersion,
        }),
      }),
    ]);
  });

  it('are counted when the same happens again, and then are the newest', () => {
    const site = new Site();
    site.happen(ONE, turn('False', 'HostMissing'));
    const [first] = site.events('Warning');
    site.happen(ONE, turn('False', 'HostUnschedulable'));
    site.passSeconds(5).happen(ONE, turn('False', 'HostMissing', { message: 'other words' }));
    expect(site.told).toEqual(['Warning HostUnschedulable 1', 'Warning HostMissing 2']);
    const last = site.events('Warning')[1]!;
    expect(last.metadata.name).toBe(first?.metadata.name);
    expect([last.message, last.firstTimestamp]).toEqual(['other words', first?.firstTimestamp]);
    expect(Date.parse(last.lastTimestamp!)).toBe(site.nowMs);
    expect(last.metadata.uid).toBe(first?.metadata.uid);
  });

  it('tell of neither other words for the same, nor of an object as it is made, unless that is a warning', () => {
    const site = new Site();
    site.happen(ONE, turn('False', 'HostMissing'));
    site.happen(ONE, turn('False', 'HostMissing', { message: 'other words' }));
    site.happen(ONE, { type: 'LabelsChanged.v1', data: { labels: {} } });
    expect(site.told).toEqual(['Warning HostMissing 1']);
    const metadata = { name: 'host-a', uid: 'h', creationTimestamp: '2026-01-01T00:00:00Z' };
    const born = { type: 'HostCreated.v1', data: { metadata, spec: {} } };
    site.happen(HOST, born, turn('True', 'AgentReady'), turn('False', 'Pending', { type: 'Converged' }));
    expect(site.told).toEqual(['Warning HostMissing 1']);
    site.end(HOST);
    site.happen(HOST, born, turn('False', 'KernelUnreadable'));
    expect(site.told).toEqual(['Warning HostMissing 1', 'Warning KernelUnreadable 1']);
  });

  it('warn of what is wrong, not of what is on its way; and say when it is over', () => {
    const site = new Site();
    for (const fact of [turn('False', 'NotProgrammed'), turn('Unknown', 'HostLost'), turn('True', 'Programmed')]) site.happen(ONE, fact);
    site.happen(ONE, turn('True', 'StillProgrammed'));
    expect(site.told).toEqual(['Warning HostLost 1', 'Normal NotProgrammed 1', 'Normal Programmed 1']);
  });

  it.each([
    ['Ready', 'False', 'NetworkNotFound'],
    ['Peered', 'False', 'PeerDoesNotAgree'],
    ['PeersResolved', 'False', 'PeerSelectsNothing'],
    ['TargetsSelected', 'False', 'NoTargets'],
    ['TargetsSelected', 'Unknown', 'NoSelector'],
    ['Bound', 'False', 'NoClaimant'],
    ['Ready', 'False', 'AddressPending'],
    ['Ready', 'False', 'AgentStarting'],
    ['Enforced', 'False', 'NoTargets'],
    ['DeletionBlocked', 'True', 'InUse'],
    ['NamespaceContentRemaining', 'True', 'SomeResourcesRemain'],
  ])('%s %s %s is a notice: somebody else comes, or goes', (type, status, reason) => {
    const site = new Site();
    site.happen(ONE, turn(status, reason, { type }));
    expect(site.told).toEqual([`Normal ${reason} 1`]);
  });

  it.each([
    ['Ready', 'Unknown', 'HostLost'],
    ['Ready', 'False', 'HostMissing'],
    ['AddressesAllocated', 'False', 'NoAddressPool'],
    ['AddressesAllocated', 'False', 'AddressPoolExhausted'],
    ['AddressesAllocated', 'False', 'AddressInUse'],
    ['AddressesAllocated', 'False', 'PrefixOfAnother'],
    ['EphemeralPrefixesCreated', 'False', 'NameInUse'],
    ['VirtualIPBound', 'False', 'HeldByAnother'],
    ['PeeringConflict', 'True', 'RangesOverlap'],
    ['TooManyTargets', 'True', 'TooManyTargets'],
    ['Ready', 'False', 'NoSuitablePrefix'],
  ])('%s %s %s is a warning: somebody has to do something', (type, status, reason) => {
    const site = new Site();
    site.happen(ONE, turn(status, reason, { type }));
    expect(site.told).toEqual([`Warning ${reason} 1`]);
  });

  it('know conditions that tell a trouble when they are True', () => {
    const site = new Site();
    site.create(HOST);
    site.happen(HOST, turn('False', 'NoFaults', { type: 'KernelRefused' }));
    site.happen(HOST, turn('True', 'DriverFault', { type: 'KernelRefused' }));
    site.happen(HOST, turn('False', 'NoFaults', { type: 'KernelRefused', message: '' }));
    expect(site.told).toEqual(['Warning DriverFault 1', 'Normal NoFaults 1']);
    const [notice] = site.events('Normal');
    // Of what has no namespace they are in `default`.
    expect([notice?.metadata.namespace, notice?.message, notice?.involvedObject?.namespace]).toEqual([
      'default',
      'KernelRefused is False',
      undefined,
    ]);
  });

  it('are of the incarnation', () => {
    const site = new Site();
    site.happen(ONE, turn('False', 'HostMissing'));
    site.end(ONE);
    expect(site.told).toEqual(['Warning HostMissing 1']);
    site.create(ONE);
    site.happen(ONE, turn('False', 'HostMissing'));
    expect(site.told).toEqual(['Warning HostMissing 1', 'Warning HostMissing 1']);
  });

  it('fit their names, however long that of the object is', () => {
    const site = new Site();
    const long = nicKey('ns', 'x'.repeat(253));
    site.create(long);
    site.happen(long, turn('False', 'HostMissing', { message: 'x'.repeat(5_000) }));
    const [event] = site.events('Warning');
    expect([event?.metadata.name.length, event?.message?.length, event?.involvedObject?.name]).toEqual([253, 1_024, long.name]);
  });

  it('go after an hour of the log, the oldest first, and with their namespace', () => {
    const site = new Site();
    const other = nicKey('other', 'two');
    site.create(namespaceKey('ns'));
    site.create(other);
    site.happen(ONE, turn('False', 'HostMissing'));
    site.passSeconds(3_599).happen(other, turn('False', 'HostMissing'));
    expect(site.told).toHaveLength(2);
    site.passSeconds(1).happen(ONE, { type: 'LabelsChanged.v1', data: { labels: {} } });
    expect(site.events('Warning').map(({ metadata }) => metadata.namespace)).toEqual(['other']);
    site.happen(ONE, turn('False', 'HostReplaced'));
    site.end(namespaceKey('ns'));
    expect(site.events('Warning').map(({ metadata }) => metadata.namespace)).toEqual(['other']);
  });

  it('are bounded by number: the oldest gives way, and many notices push out no warning', () => {
    const site = new Site();
    const objects: ObjectKey[] = [];
    site.happen(ONE, turn('False', 'HostMissing'));
    for (let i = 0; i < 20; i++) {
      objects.push(nicKey('ns', `n${i}`));
      site.create(objects[i]!);
    }
    for (let i = 0; i <= NOTICES_MAX; i++)
      site.happen(objects[i % 20]!, turn('False', `Thing${uuidv5('6f1d3c5e-0000-5000-8000-000000000002', `${i}`)}Pending`));
    expect([site.fold.records('event-notices').size, site.fold.records('event-warnings').size]).toEqual([NOTICES_MAX, 1]);
    for (let i = 0; i < WARNINGS_MAX; i++) site.happen(objects[i % 20]!, turn('False', `Fault${i}`));
    expect(site.fold.records('event-warnings').size).toBe(WARNINGS_MAX);
    expect(site.events('Warning')[0]?.reason).toBe('Fault0');
  });
});
