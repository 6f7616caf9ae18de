/** NAT gateways with all loops in World: cases of the provider document, section 6, and what people see. */
import { hostKey } from '@weft/network';
import { addresses, gatewayKey, nicKey, Site } from '../testing/site.ts';
import { NAT_TABLE } from './nat-gateway.views.ts';

const seeds = [1, 2, 3, 4];
const REST_MS = 240_000;
const DRAIN_MS = 300_000;
const [A, B] = addresses(2) as [string, string];

describe.each(seeds)('A NAT gateway, loops in the order of seed %i', (seed) => {
  const site = (pool = addresses(20)) => new Site({ seed, duplicates: 0.3, pool });
  const started = (pool?: readonly string[]) => site(pool).network().gateway();

  it('provider C-11: an interface of its Network gets the first range, one of another Network nothing', () => {
    const world = site().network().network('other').gateway('gw', { portsPerNetworkInterface: 64 });
    world.nic('one', ['10.0.0.1']).nic('two', ['10.0.0.1'], 'other');
    expect(world.ranges('one')).toEqual([`${A} 1024-1087`]);
    expect(world.ranges('two')).toEqual([]);
    expect(world.world.object(gatewayKey('gw'))?.status?.['ips']).toEqual([{ name: 'ip1', ip: A }]);
    expect(world.condition('Ready')).toMatchObject({ status: 'True', reason: 'Available', message: 'serves Network "net"' });
  });

  it('given an interface that is never placed because of one of its addresses, then it has no ports until it has others', () => {
    const world = started().nic('one', ['224.0.0.9']).nic('dual', ['10.0.0.2', 'ff02::1']);
    expect([world.ranges('one'), world.ranges('dual')]).toEqual([[], []]);
    expect(world.slots().holders.size).toBe(0);
    world.world.patch(nicKey('one'), { spec: { ips: [{ value: '10.0.0.1' }] } });
    expect(world.ranges('one')).toHaveLength(1);
    world.world.patch(nicKey('one'), { spec: { ips: [{ value: '224.0.0.9' }] } });
    expect(world.ranges('one')).toEqual([]);
  });

  it('provider C-12: has as many addresses as its interfaces need, 1 at least', () => {
    const world = started();
    expect(world.ips()).toHaveLength(1);
    world.nics(3);
    expect(world.ips()).toHaveLength(1);
    world.nic('n4', ['10.0.0.4']);
    expect(world.ips()).toEqual([A, B]);
    expect(world.ranges('n4')).toEqual([`${B} 16384-32767`]);
    world.nics(7);
    expect(world.ips()).toHaveLength(3);
  });

  it('provider C-12: has 10 addresses at most; then a condition says that ports are exhausted, until there are enough', () => {
    const world = site().network().gateway('gw', { portsPerNetworkInterface: 32_768 }).nics(12);
    expect(world.ips()).toHaveLength(10);
    expect(world.ranges('n10')).toHaveLength(1);
    expect([...world.ranges('n11'), ...world.ranges('n12')]).toEqual([]);
    expect(world.condition('NATPortsExhausted')).toMatchObject({ status: 'True', reason: 'PortsInUse' });
    for (const name of ['n1', 'n2']) world.world.delete(nicKey(name));
    expect(world.ranges('n11')).toHaveLength(1);
    expect(world.ranges('n12')).toHaveLength(1);
    expect(world.condition('NATPortsExhausted')).toBeUndefined();
    expect(world.condition('Ready')?.status).toBe('True');
  });

  it('provider C-12: gives up only addresses that are empty and have rested', () => {
    const world = started().nics(5);
    expect(world.ips()).toEqual([A, B]);
    for (const name of ['n1', 'n2']) world.world.delete(nicKey(name));
    world.world.pass(REST_MS);
    expect(world.ips()).toEqual([A, B]);
    const [kept] = world.ranges('n4');
    world.world.delete(nicKey('n3'));
    expect(world.ips()).toEqual([A, B]);
    world.world.pass(REST_MS);
    expect(world.ips()).toEqual([B]);
    expect(world.ranges('n4')).toEqual([kept]);
    expect(world.slots().addresses.size).toBe(1);
  });

  it('provider C-13: what a gateway gave that is gone is taken away, what another one gives stays', () => {
    const world = site([A, '2001:db8::1']).network().gateway().gateway('gw6', { ipFamily: 'IPv6' });
    world.nic('dual', ['10.0.0.1', 'fd00::1']);
    expect(world.ranges('dual').toSorted()).toEqual(['2001:db8::1 16384-32767', `${A} 16384-32767`]);
    world.world.delete(gatewayKey('gw'));
    expect(world.ranges('dual')).toEqual(['2001:db8::1 16384-32767']);
    expect(world.world.get(gatewayKey('gw'))).toBeUndefined();
  });

  it('provider C-23: the range of an interface that is being deleted is its own until its end, then it rests', () => {
    const world = started().nics(2).machine('n1', 'host-a');
    world.world.patch(nicKey('n1'), { metadata: { finalizers: ['example.com/hold'] } });
    world.world.delete(nicKey('n1'));
    expect(world.ranges('n1')).toEqual([`${A} 16384-32767`]);
    world.world.patch(nicKey('n1'), { metadata: { finalizers: null } });
    world.nic('n3', ['10.0.0.3']);
    expect(world.ranges('n3')).toEqual([`${A} 49152-65535`]);
    world.world.pass(REST_MS);
    world.nic('n4', ['10.0.0.4']);
    // Its host has not confirmed that it is gone.
    expect(world.ranges('n4')).toEqual([]);
    expect(world.condition('NATPortsExhausted')).toMatchObject({ status: 'True', reason: 'PortsInUse' });
    world.report();
    expect(world.ranges('n4')).toEqual([`${A} 16384-32767`]);
    expect(world.condition('NATPortsExhausted')).toBeUndefined();
  });

  it('provider C-23: a range rests for 240 seconds although its host has confirmed', () => {
    const world = started().nics(1).machine('n1', 'host-a');
    world.world.delete(nicKey('n1'));
    world.report();
    world.world.pass(REST_MS - 1_000);
    world.nic('n2', ['10.0.0.2']);
    expect(world.ranges('n2')).toEqual([`${A} 32768-49151`]);
    world.world.pass(1_000);
    world.nic('n3', ['10.0.0.3']);
    expect(world.ranges('n3')).toEqual([`${A} 16384-32767`]);
  });

  it('provider C-23: when nothing else is free, the confirmed range that has rested longest is given before its time', () => {
    const world = started([A]).nics(3).machine('n1', 'host-a').machine('n2', 'host-b');
    world.world.delete(nicKey('n1'));
    world.world.delete(nicKey('n2'));
    world.nic('n4', ['10.0.0.4']);
    expect(world.ranges('n4')).toEqual([]);
    expect(world.condition('NATPortsExhausted')?.message).toBe('interfaces wait for ports: those of its addresses are in use or rest');
    world.agents[1]?.report();
    expect(world.ranges('n4')).toEqual([`${A} 32768-49151`]);
    expect(world.condition('NATPortsExhausted')).toBeUndefined();
  });

  it('provider C-23: a range is noted as confirmed only when interfaces wait, so that reports of hosts cost no events otherwise', () => {
    const world = started([A]).nics(2).machine('n1', 'host-a');
    const areConfirmed = () => [...world.slots().resting.values()].map(({ confirmed }) => confirmed);
    world.world.delete(nicKey('n1'));
    world.report();
    expect(areConfirmed()).toEqual([false]);
    world.nic('n3', ['10.0.0.3']).nic('n4', ['10.0.0.4']);
    expect(world.ranges('n4')).toEqual([`${A} 16384-32767`]);
    expect(areConfirmed()).toEqual([]);
  });

  it('gives nothing to an interface that is being deleted already', () => {
    const world = site().network().nics(1);
    world.world.patch(nicKey('n1'), { metadata: { finalizers: ['example.com/hold'] } });
    world.world.delete(nicKey('n1'));
    world.gateway().nic('n2', ['10.0.0.2']);
    expect(world.ranges('n1')).toEqual([]);
    expect(world.ranges('n2')).toEqual([`${A} 16384-32767`]);
  });

  it('provider C-23: an interface that gets a public address loses its range, and gets one again after', () => {
    const world = started().nics(1).machine('n1', 'host-a');
    world.publish('n1', '198.51.100.7');
    expect(world.ranges('n1')).toEqual([]);
    // Its host has it until it has reported.
    world.world.pass(REST_MS);
    world.nic('n2', ['10.0.0.2']);
    expect(world.ranges('n2')).toEqual([`${A} 32768-49151`]);
    world.publish('n1');
    expect(world.ranges('n1')).toEqual([`${A} 49152-65535`]);
    // One of the other family takes nothing away.
    world.publish('n1', '2001:db8::7');
    expect(world.ranges('n1')).toEqual([`${A} 49152-65535`]);
  });

  it('provider C-23: all hosts where an interface was placed must confirm', () => {
    const world = started([A]).nics(3).machine('n1', 'host-a');
    world.world.patch({ kind: 'Machine', namespace: 'ns', name: 'm-n1' }, { spec: { machinePoolRef: { name: 'host-b' } } });
    world.world.delete(nicKey('n1'));
    world.nic('n4', ['10.0.0.4']);
    world.agents[1]?.report();
    expect(world.ranges('n4')).toEqual([]);
    world.agents[0]?.report();
    expect(world.ranges('n4')).toEqual([`${A} 16384-32767`]);
  });

  it('provider C-23: when the size changes, each interface moves, and keeps its old range for 300 seconds', () => {
    const world = started().nics(2).ports('gw', 1_024);
    expect(world.ranges('n1')).toEqual([expect.stringMatching(/ (1024-2047|2048-3071)$/), `${A} 16384-32767 drains`]);
    world.world.pass(DRAIN_MS - 1_000);
    expect(world.ranges('n2')).toHaveLength(2);
    world.world.pass(1_000);
    expect(world.ranges('n2')).toHaveLength(1);
    world.nic('n3', ['10.0.0.3']);
    expect(world.ranges('n3')).toEqual([`${A} 3072-4095`]);
  });

  it('provider C-23: when the size changes and there is no room, interfaces keep their ranges until there is', () => {
    const world = started([A]).nics(3).ports('gw', 32_768);
    expect(world.ranges('n1')).toEqual([`${A} 16384-32767`]);
    expect(world.condition('NATPortsExhausted')).toMatchObject({ status: 'True', reason: 'AddressPoolExhausted' });
    world.ports('gw', 16_384);
    expect(world.condition('NATPortsExhausted')).toBeUndefined();
    expect([1, 2, 3].flatMap((i) => world.ranges(`n${i}`))).toHaveLength(3);
    expect(world.slots().waiting.size).toBe(0);
  });

  it('provider C-23: when the size changes and there is no room, the former ranges drain as well, so that all come to the new size', () => {
    const world = started([A]).nics(3).ports('gw', 32_768);
    world.world.pass(DRAIN_MS);
    const names = ['n1', 'n2', 'n3'];
    const served = names.filter((name) => world.ranges(name).length > 0);
    expect(served.map((name) => world.ranges(name))).toEqual([[`${A} 32768-65535`]]);
    world.world.delete(nicKey(served[0] ?? ''));
    expect(names.flatMap((name) => world.ranges(name))).toEqual([`${A} 32768-65535`]);
  });

  it('provider C-24: the log alone gives the same table', () => {
    const world = started().nics(5);
    world.world.delete(nicKey('n2'));
    world.ports('gw', 8_192);
    world.world.pass(DRAIN_MS);
    const again = world.world.fork();
    for (const name of ['n1', 'n3', 'n4', 'n5']) {
      const uid = world.uid(nicKey(name));
      expect(again.fold.record('nat-slots', uid)).toEqual(world.world.fold.record('nat-slots', uid));
    }
    const stream = `NatSlots-ns.gw.${world.uid(gatewayKey('gw'))}`;
    expect(again.reservation(stream)).toEqual(world.world.reservation(stream));
  });

  it('provider C-33: one that is created before its Network waits for it, then has its addresses', () => {
    const world = site().gateway();
    expect(world.ips()).toEqual([]);
    expect(world.condition('Ready')).toMatchObject({ status: 'False', reason: 'NetworkNotFound', message: 'waits for Network "net"' });
    world.network();
    expect(world.ips()).toEqual([A]);
    expect(world.condition('Ready')?.status).toBe('True');
  });

  it('provider C-23: an interface that gets a VirtualIP gives back its ports, and gets new ones when it gives that up', () => {
    const world = started().nics(2);
    expect(world.ranges('n1')).toHaveLength(1);
    world.send('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    world.world.patch(nicKey('n1'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    expect(world.world.object(nicKey('n1'))?.status?.['virtualIP']).toBe(B);
    expect(world.ranges('n1')).toEqual([]);
    world.world.patch(nicKey('n1'), { spec: { virtualIP: null } });
    expect(world.ranges('n1')).toHaveLength(1);
  });

  it('provider R-10: ends once its hosts have applied that its slots have gone from their rows, and no sooner', () => {
    const world = started().nics(1).machine('n1', 'host-a');
    const rev = () => world.world.revOf(NAT_TABLE) ?? 0n;
    const applied = (at: bigint) =>
      world.world.act(hostKey('host-a'), 'ReportApplied', { tables: { [NAT_TABLE]: `${at}` }, position: '1' });
    const before = rev();
    world.world.delete(gatewayKey('gw'));
    expect(rev()).toBeGreaterThan(before);
    applied(rev() - 1n);
    world.world.pass(600_000);
    expect(world.world.get(gatewayKey('gw'))?.status).toBe('live');
    applied(rev());
    expect(world.world.get(gatewayKey('gw'))?.status).not.toBe('live');
  });

  it('provider R-10: gives a range free once the host of an ended interface has applied that its row went with the release', () => {
    const world = started().nics(2).machine('n1', 'host-a');
    const resting = () => world.slots().resting.size;
    world.world.delete(nicKey('n1'));
    const rev = `${world.world.revOf(NAT_TABLE)}`;
    world.world.act(hostKey('host-a'), 'ReportApplied', { tables: { [NAT_TABLE]: rev }, position: '1' });
    expect(resting()).toBe(1);
    world.world.pass(REST_MS);
    expect(resting()).toBe(0);
  });

  it('without an address in the pools says so, and why', () => {
    const world = started([]);
    expect(world.condition('Ready')).toMatchObject({ status: 'False', reason: 'NoAddressPool' });
    expect(world.condition('Ready')?.message).toContain('no AddressPool of this family');
    const short = started([A]).nics(4);
    expect(short.condition('NATPortsExhausted')).toMatchObject({ status: 'True', reason: 'AddressPoolExhausted' });
    expect(short.condition('NATPortsExhausted')?.message).toContain('AddressPool default');
  });

  it('beside an older one of its family has nothing, and says who serves; it takes over when that is deleted', () => {
    const world = started().gateway('late').nics(1);
    expect(world.condition('Ready', 'late')).toMatchObject({
      status: 'False',
      reason: 'AnotherGateway',
      message: 'NATGateway "gw", which is older, serves IPv4 of Network "net"',
    });
    expect([world.ips('late'), world.ranges('n1')]).toEqual([[], [`${A} 16384-32767`]]);
    world.world.delete(gatewayKey('gw'));
    expect(world.condition('Ready', 'late')?.status).toBe('True');
    expect(world.ips('late')).toHaveLength(1);
    expect(world.holdings('n1').map(({ gateway }) => gateway.name)).toEqual(['late']);
    expect(world.world.get(gatewayKey('gw'))).toBeUndefined();
  });

  it('beside an older one of the other family serves its own', () => {
    const world = site([A, '2001:db8::1']).network().gateway().gateway('gw6', { ipFamily: 'IPv6' });
    expect([world.ips(), world.ips('gw6')]).toEqual([[A], ['2001:db8::1']]);
  });

  it('resources Q-14: takes addresses of the other family when its family changes, and gives back the former ones', () => {
    const world = site([A, '2001:db8::1']).network().gateway().nic('dual', ['10.0.0.1', 'fd00::1']);
    world.world.patch(gatewayKey('gw'), { spec: { ipFamily: 'IPv6' } });
    expect(world.ranges('dual')).toEqual(['2001:db8::1 16384-32767', `${A} 16384-32767 drains`]);
    world.world.pass(DRAIN_MS);
    world.world.pass(REST_MS);
    expect(world.ips()).toEqual(['2001:db8::1']);
    expect(world.ranges('dual')).toEqual(['2001:db8::1 16384-32767']);
  });

  it('resources Q-13: with ranges that no address has room for says so, and has nothing', () => {
    const world = site()
      .network()
      .gateway('gw', { portsPerNetworkInterface: 2 ** 30 })
      .nics(1);
    expect(world.condition('PortsUnsupported')).toMatchObject({ status: 'True', reason: 'TooManyPorts' });
    expect(world.condition('Ready')).toMatchObject({ status: 'False', reason: 'PortsUnsupported' });
    expect([world.ips(), world.ranges('n1')]).toEqual([[], []]);
    world.ports('gw', 64);
    expect(world.condition('PortsUnsupported')).toBeUndefined();
    expect(world.ranges('n1')).toEqual([`${A} 1024-1087`]);
    world.ports('gw', 65_536);
    expect(world.condition('PortsUnsupported')?.message).toContain('slots stay at 64 ports');
    expect(world.ranges('n1')).toEqual([`${A} 1024-1087`]);
    expect(world.condition('Ready')?.status).toBe('True');
  });

  it('resources E-8: holds its Network back until it has gone itself', () => {
    const world = started();
    const network = { kind: 'Network', namespace: 'ns', name: 'net' };
    world.world.delete(network);
    expect(world.world.get(network)).toBeDefined();
    world.world.delete(gatewayKey('gw'));
    expect(world.world.get(network)).toBeUndefined();
  });

  it('resources 3.15: when it is deleted stays until hosts have let go of its ports; then nothing is left of it', () => {
    const world = started().nics(2).machine('n1', 'host-a');
    const uid = world.uid(gatewayKey('gw'));
    world.world.patch(gatewayKey('gw'), { metadata: { finalizers: null } });
    expect(world.world.object(gatewayKey('gw'))?.metadata.finalizers).toEqual(['apinet.ironcore.dev/natgateway']);
    world.world.delete(gatewayKey('gw'));
    expect(world.condition('Ready')?.reason).toBe('Deleting');
    expect(world.ranges('n1')).toEqual([]);
    expect(world.ips()).toEqual([A]);
    world.report();
    // n1 was served until its slot was released, and its host reports what happens to it since.
    world.nic('n3', ['10.0.0.3']).machine('n3', 'host-a');
    expect(world.world.get(gatewayKey('gw'))).toBeUndefined();
    for (const ledger of ['nat-tables', 'nat-usage', 'nat-shortages']) expect(world.world.fold.record(ledger, uid)).toBeUndefined();
    for (const ledger of ['nat-slots', 'nat-rests']) expect([...world.world.fold.records(ledger)]).toEqual([]);
  });

  it('resources 3.15: whose finalizer is taken away while it is deleted leaves nothing behind either', () => {
    const world = started().nics(4).machine('n1', 'host-a');
    world.world.delete(gatewayKey('gw'));
    world.world.patch(gatewayKey('gw'), { metadata: { finalizers: null } });
    expect(world.world.get(gatewayKey('gw'))).toBeUndefined();
    world.nic('n5', ['10.0.0.5']).machine('n5', 'host-a');
    for (const ledger of ['nat-tables', 'nat-usage', 'nat-shortages', 'nat-slots', 'nat-rests']) {
      expect([...world.world.fold.records(ledger)]).toEqual([]);
    }
  });
});
