/** Verification of logs: good ones, and ones that are damaged in one place. */
import { type Append, type JsonObject, LogCheck, registry } from '@weft/api';
import { tour } from '../graph/tour.ts';
import { weftDomains } from './weft-domains.ts';
import { World } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const object = (kind: string, name: string, spec: JsonObject) => ({
  apiVersion: NETWORKING,
  kind,
  metadata: { name, namespace: 'ns', labels: { app: 'web' } },
  spec,
});

/** Two of each: networks, interfaces, hosts, VirtualIPs, and one NAT gateway that serves both interfaces. */
function lived(): World {
  const world = new World();
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  world.create({
    apiVersion: 'fabric.weft.dev/v1alpha1',
    kind: 'AddressPool',
    metadata: { name: 'p' },
    spec: { prefixes: ['203.0.113.0/28'] },
  });
  for (const [at, host] of ['a', 'b'].entries()) new WorldAgent(world, `host-${host}`, `192.0.2.${at + 1}`).register();
  for (const name of ['net', 'other']) world.create(object('Network', name, {}));
  for (const [at, name] of ['one', 'two'].entries()) {
    world.create(
      object('NetworkInterface', name, { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: `10.0.0.${at + 1}` }] }),
    );
    world.create(object('VirtualIP', name, { type: 'Public', ipFamily: 'IPv4' }));
  }
  const nat = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' }, portsPerNetworkInterface: 1_024 };
  world.create(object('NATGateway', 'nat', nat));
  world.settle();
  return world;
}

const kinds = registry(weftDomains);

function checked(log: readonly Append[]): LogCheck {
  const check = new LogCheck(kinds);
  for (const append of log) check.take(append);
  return check;
}

/** The log with other data in the last event of this type. */
function with_(log: readonly Append[], type: string, change: (data: JsonObject) => JsonObject): readonly Append[] {
  const at = log.findLastIndex(({ events }) => events.some((event) => event.type === type));
  const append = log[at] as Append;
  const events = append.events.map((event) => (event.type === type ? { ...event, data: change(event.data) } : event));
  return log.with(at, { ...append, events } as unknown as Append);
}

describe('The check of a log', () => {
  const { appends: log } = lived();
  const found = (damaged: readonly Append[]) => checked(damaged).findings.map(({ check, what }) => `${check}: ${what}`);

  it('finds nothing in one that Weft wrote, and counts', () => {
    const check = checked(log);
    expect(check.findings).toEqual([]);
    expect([...check.owed(check.timeMs)]).toEqual([]);
    expect(check.counts).toEqual({
      appends: log.length,
      events: log.reduce((sum, { events }) => sum + events.length, 0),
      streams: new Set(log.map(({ stream }) => stream)).size,
      foreign: 0,
      caused: log.flatMap(({ events }) => events).filter(({ metadata }) => metadata.$causationId !== metadata.requestId).length,
    });
    expect(check.counts.caused).toBeGreaterThan(10);
    expect(check.held).toMatchObject({ 'address of a Network': 2, VNI: 2, 'public address': 3, 'port range': 2, 'host index': 2 });
    expect(check.timeMs).toBe(Date.parse(log.at(-1)?.events.at(-1)?.metadata.time ?? ''));
  });

  it('finds nothing in histories in which every loop has work', () => {
    const worlds: World[] = [];
    tour((options) => {
      const world = new World(options);
      worlds.push(world);
      return world;
    });
    // A world that begins with a log holds that log, too.
    for (const { appends } of worlds) expect(found(appends)).toEqual([]);
  });

  it('names what loops owe when it ends in the middle', () => {
    const end = log.findIndex(({ stream }) => stream.startsWith('VniPool-'));
    const check = checked(log.slice(0, end));
    expect([...check.owed(check.timeMs)].map(({ loop, key }) => `${loop.name} ${key}`)).toContain('allocate-vni ns/net');
  });

  it('finds an append that is missing, and one that comes twice', () => {
    const at = log.findIndex(({ stream, revision }) => stream.startsWith('Network-') && revision > 0n);
    const { stream, revision, events, position } = log[at] as Append;
    expect(checked(log.toSpliced(at, 1)).findings).toContainEqual(expect.objectContaining({ check: 'order', stream }));
    expect(found(log.toSpliced(at, 0, log[at] as Append)).slice(0, 2)).toEqual([
      `order: its position is not above ${position}, that of the append before`,
      `order: it has revision ${revision - BigInt(events.length - 1)} where ${revision + 1n} is due`,
    ]);
  });

  it('finds events of another shape or of no kind, and passes those of others', () => {
    expect(found(with_(log, 'NetworkVniAssigned.v1', () => ({ vni: 'many' })))[0]).toMatch(/^event: .*NetworkVniAssigned\.v1.*vni/);
    const last = log.at(-1) as Append;
    const [event] = last.events;
    const more = (stream: string, type: string, metadata: object = event.metadata) => {
      const position = last.position + 10n;
      const events = [{ ...event, stream, type, revision: 0n, position, metadata }];
      return [...log, { stream, revision: 0n, position, events } as unknown as Append];
    };
    expect(found(more('Network-ns.new', 'NetworkDreamt.v1'))[0]).toBe('event: "Network-ns.new" has no event NetworkDreamt.v1');
    expect(found(more('Spaceship-ns.new', 'SpaceshipCreated.v1'))[0]).toMatch(/^event: "Spaceship-ns\.new" has no event/);
    const foreign = checked(more('Orders-1', 'OrderPlaced', {}));
    expect([foreign.findings, foreign.counts.foreign]).toEqual([[], 1]);
  });

  it('finds what says that something caused it which does not stand before it', () => {
    const at = log.findLastIndex(({ events: [{ metadata }] }) => metadata.$causationId !== metadata.requestId);
    const append = log[at] as Append;
    const causedBy = (cause: string | undefined) => {
      const events = append.events.map((event) => ({ ...event, metadata: { ...event.metadata, $causationId: cause } }));
      return found(log.with(at, { ...append, events } as unknown as Append));
    };
    expect(causedBy(log[0]?.events[0].id)).toEqual([]);
    expect(causedBy(log.at(-1)?.events.at(-1)?.id)).toEqual(
      at === log.length - 1 ? [] : [expect.stringMatching(/^cause: it was caused by .* before it$/)],
    );
    expect(causedBy('6f1d3c5e-0000-5000-8000-00000000abcd')).toEqual([expect.stringMatching(/^cause: it was caused by 6f1d3c5e/)]);
  });

  it('finds reservations that cannot be folded', () => {
    const at = log.findIndex(({ stream }) => stream.startsWith('AddressBook-'));
    const append = log[at] as Append;
    const events = append.events.map((event) => ({
      ...event,
      type: 'AddressClaimsWithdrawn.v1',
      data: { uid: 'u', ips: ['10.0.0.9'], request: 'r' },
    }));
    expect(found(log.with(at, { ...append, events } as unknown as Append))[0]).toMatch(
      /^fold: reservations cannot be folded: .*10\.0\.0\.9/,
    );
  });

  it.each<[string, string, (data: JsonObject) => JsonObject, RegExp]>([
    [
      'an address',
      'NetworkInterfaceAddressed.v1',
      (data) => ({ ...data, ips: ['10.0.0.1'] }),
      /^holder: address of a Network ns\/net 10\.0\.0\.1 /,
    ],
    [
      'a number of interfaces',
      'NetworkInterfaceAddressed.v1',
      (data) => ({ ...data, index: 0 }),
      /^holder: number of an interface ns\/net 0 /,
    ],
    ['a VNI', 'NetworkVniAssigned.v1', () => ({ vni: 200 }), /^holder: VNI 200 .*Network ns\/net .*Network ns\/other/],
    ['a number of the pool', 'VniAllocated.v1', (data) => ({ ...data, vni: 200 }), /^holder: VNI of the pool 200 /],
    ['a host index', 'HostIndexAssigned.v1', () => ({ index: 1 }), /^holder: host index 1 /],
    ['a public address', 'AddressAllocated.v1', (data) => ({ ...data, ip: '203.0.113.1' }), /^holder: public address 203\.0\.113\.1 /],
    ['a range of ports', 'NatSlotAllocated.v1', (data) => ({ ...data, port: 1_024 }), /^holder: port range 203\.0\.113\.\d+:1024 /],
  ])('finds a second holder of %s', (_what, type, change, finding) => {
    expect(found(with_(log, type, change)).filter((text) => text.startsWith('holder'))[0]).toMatch(finding);
  });

  it('lets a thing have another holder after the first one', () => {
    const world = new World({ log });
    world.send({ verb: 'delete', key: { kind: 'NetworkInterface', namespace: 'ns', name: 'one' } });
    world.pass(600_000);
    world.create(object('NetworkInterface', 'three', { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] }));
    world.settle();
    expect(found(world.appends)).toEqual([]);
  });
});
