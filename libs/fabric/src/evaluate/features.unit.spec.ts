/**
 * The evaluator over all features: two networks that are peered, a third one beside them, three hosts, one of which is an edge. Every verdict comes from the
 * tables of all hosts and from rows on demand, which must agree.
 */
import type { JsonObject } from '@weft/api';
import { hostKey } from '@weft/network';
import { World, WorldAgent, WorldFabric } from '@weft/testing';
import { TableRows } from '../rows/row-index.ts';
import { RowsOnDemand } from '../rows/rows-on-demand.ts';
import { keyOf, machine, POOL, policy, selecting } from '../testing/policy-world.ts';
import { evaluate } from './evaluate.ts';
import type { Packet, Path, Verdict } from './packet.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const HOSTS = ['a', 'b', 'edge'];

class Fabric extends World {
  readonly #fabric = new WorldFabric(this);
  readonly #agents = HOSTS.map((host, i) => new WorldAgent(this, host, `2001:db8::${i + 1}`));
  readonly #onDemand: RowsOnDemand;

  constructor() {
    super({ seed: 7 });
    this.watch(this.#fabric.onChange);
    this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    this.create(POOL);
    for (const agent of this.#agents) agent.register();
    this.patch(hostKey('edge'), { spec: { roles: ['Edge'] } });
    this.#onDemand = new RowsOnDemand(this.registry, this.fold);
    this.watch((change) => this.#onDemand.note(change));
    const peering = (to: string, prefixes: JsonObject[] = []): JsonObject => ({
      peerings: [{ name: `to-${to}`, networkRef: { name: to }, prefixes }],
    });
    this.put('Network', 'red', peering('blue'));
    this.put('Network', 'blue', peering('red', [{ name: 'some', prefix: '10.0.1.0/30' }]));
    this.put('Network', 'grey', {});
    this.nic('web-0', 'a', 'red', ['10.0.0.1', 'fd00::1'], { app: 'web' });
    this.nic('web-1', 'b', 'red', ['10.0.0.2', 'fd00::2'], { app: 'web' });
    this.nic('db', 'b', 'red', ['10.0.0.5'], { app: 'db' }, ['10.9.0.0/24']);
    this.nic('blue-0', 'a', 'blue', ['10.0.1.1']);
    this.nic('blue-1', 'b', 'blue', ['10.0.1.2']);
    this.nic('blue-hidden', 'b', 'blue', ['10.0.1.9']);
    this.nic('grey-0', 'b', 'grey', ['10.0.0.1']);
    this.report();
  }

  put(kind: string, name: string, spec: JsonObject, labels: JsonObject = {}): void {
    this.create({ apiVersion: NETWORKING, kind, metadata: { namespace: 'ns', name, labels }, spec });
  }

  nic(
    name: string,
    host: string,
    network: string,
    ips: readonly string[],
    labels: JsonObject = {},
    prefixes: readonly string[] = [],
  ): void {
    const spec = { networkRef: { name: network }, ips: ips.map((value) => ({ value })), prefixes: prefixes.map((value) => ({ value })) };
    this.put('NetworkInterface', name, spec, labels);
    this.create(machine(`m-${name}`, host, [name]));
  }

  report(): void {
    for (let round = 0; round < 3; round++) for (const agent of this.#agents) agent.report();
  }

  uid(name: string, kind = 'NetworkInterface'): string {
    return this.object(keyOf(kind, name))?.metadata.uid ?? '';
  }

  status(kind: string, name: string): JsonObject {
    return (this.object(keyOf(kind, name))?.status ?? {}) as JsonObject;
  }

  all(packet: Packet): Verdict {
    this.report();
    this.#onDemand.settle();
    const verdict = evaluate({ rows: new TableRows(this.#fabric.tables) }, packet);
    expect(evaluate({ rows: this.#onDemand }, packet)).toEqual(verdict);
    expect(verdict.paths.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    return verdict;
  }

  /** The only path of a packet from an interface. `what`: `TCP/80`. */
  packet(from: string | undefined, dst: string, what = 'TCP/80', more: Partial<Packet> = {}): Path {
    const [protocol, port] = what.split('/') as [Packet['protocol'], string?];
    const sent: Packet = { protocol, dst, ...(port !== undefined && { dstPort: Number(port) }), ...more };
    const { paths } = this.all(from === undefined ? sent : { ...sent, from: this.uid(from) });
    expect(paths).toHaveLength(1);
    return paths[0]!;
  }

  /** Where it ends, by name. */
  end(path: Path): string {
    if (path.outcome === 'delivered') return this.named(path.to);
    return path.outcome === 'dropped' ? path.reason : path.outcome;
  }

  named(uid: string): string {
    for (const { key, object } of this.fold.list('NetworkInterface')) if (object.metadata.uid === uid) return key.name;
    return uid;
  }
}

const steps = ({ steps: taken }: Pick<Path, 'steps'>) => taken.map(({ at, host }) => `${at}@${host}`).join(' ');

describe('The packet evaluator over all features', () => {
  it('packet P-27: keeps networks with equal addresses apart', () => {
    const fabric = new Fabric();
    expect(fabric.end(fabric.packet('web-1', '10.0.0.1'))).toBe('web-0');
    expect(fabric.end(fabric.packet('grey-0', '10.0.0.5'))).toBe('NoRoute');
  });

  it('packet P-28, P-97: delivers to a range, and lets its holder send from it', () => {
    const fabric = new Fabric();
    const path = fabric.packet('web-0', '10.9.0.7');
    expect(fabric.end(path)).toBe('db');
    expect(path.packet.dst).toBe('10.9.0.7');
    expect(path.answer).toMatchObject({ ending: { outcome: 'delivered', to: fabric.uid('web-0') }, packet: { src: '10.9.0.7' } });
    expect(fabric.end(fabric.packet('db', '10.0.0.1', 'UDP/1', { src: '10.9.0.7' }))).toBe('web-0');
    expect(fabric.end(fabric.packet('web-0', '10.0.0.5', 'UDP/1', { src: '10.9.0.7' }))).toBe('SourceNotOwned');
  });

  it('Appendix A-6: delivers to a peered network what it exposes, on the same host and on another, and both ways', () => {
    const fabric = new Fabric();
    const near = fabric.packet('web-0', '10.0.1.1');
    expect([fabric.end(near), steps(near)]).toEqual([
      'blue-0',
      'guest@a anti-spoof@a route@a policy egress@a peering@a reverse-path@a policy ingress@a deliver@a',
    ]);
    const far = fabric.packet('web-0', '10.0.1.2');
    expect([fabric.end(far), steps(far)]).toEqual([
      'blue-1',
      'guest@a anti-spoof@a route@a policy egress@a tunnel@a guard@b reverse-path@b policy ingress@b deliver@b',
    ]);
    expect(far.answer?.ending).toEqual({ outcome: 'delivered', to: fabric.uid('web-0') });
    const hidden = fabric.packet('web-0', '10.0.1.9');
    expect(fabric.end(hidden)).toBe('NoRoute');
    expect(hidden.steps.at(-1)?.detail).toContain('ns/blue-hidden in the peered network');
    expect(hidden.steps.at(-1)?.rows.map(({ table }) => table.split('.')[0])).toEqual(['endpoints', 'peerings']);
    // Who is not exposed may not send either, since no answer would come back.
    expect(fabric.end(fabric.packet('blue-hidden', '10.0.0.1'))).toBe('ReversePath');
  });

  it("asks the policies of somebody else who has the sender's address in the network of the receiver, and so gets the answer", () => {
    const fabric = new Fabric();
    fabric.nic('twin', 'a', 'blue', ['10.0.0.1'], { app: 'twin' });
    const answer = () => {
      const path = fabric.packet('web-0', '10.0.1.2', 'ICMP');
      expect(fabric.end(path)).toBe('blue-1');
      return path.answer;
    };
    expect(answer()).toMatchObject({ ending: { outcome: 'delivered', to: fabric.uid('twin') }, isBack: false });
    const closed = { networkInterfaceSelector: { matchLabels: { app: 'twin' } }, policyTypes: ['Ingress'] };
    fabric.create(policy('closed', closed, 'blue'));
    expect(answer()).toMatchObject({ ending: { outcome: 'dropped', reason: 'PolicyIngress' }, isBack: false });
  });

  it('packet P-86, P-94: says which policy isolates, and why each of its rules does not admit', () => {
    const fabric = new Fabric();
    const db = { networkInterfaceSelector: { matchLabels: { app: 'db' } } };
    const rules = [
      { from: [selecting('NetworkInterface', { app: 'web' })], ports: [{ port: 5432 }] },
      { from: [{ ipBlock: { cidr: '10.0.1.0/24', except: ['10.0.1.2/32'] } }] },
      { from: [{ ipBlock: { cidr: 'fd00::/16' } }], ports: [{ protocol: 'UDP' }] },
    ];
    fabric.create(policy('db', { ...db, ingress: rules }, 'red'));
    const admitted = fabric.packet('web-0', '10.0.0.5', 'TCP/5432');
    expect(fabric.end(admitted)).toBe('db');
    expect(admitted.answer?.ending.outcome).toBe('delivered');
    const refused = fabric.packet('web-0', '10.0.0.5', 'TCP/22');
    expect(fabric.end(refused)).toBe('PolicyIngress');
    const step = refused.steps.at(-2);
    expect(step).toMatchObject({
      at: 'policy ingress',
      host: 'b',
      detail: 'policy ns/db restricts what it may receive, and no rule admits this',
    });
    expect(step?.refusals).toEqual([
      'rule 1 of ns/db: port 22 is none of its ports (TCP 5432)',
      'rule 2 of ns/db: 10.0.0.1 is none of its peers (10.0.1.0/24)',
      'rule 3 of ns/db: TCP is none of its protocols (UDP); 10.0.0.1 is IPv4, and all blocks of the rule are of the other family',
    ]);
    expect(fabric.end(fabric.packet('blue-0', '10.0.0.5', 'TCP/5432'))).toBe('db');
    const excepted = fabric.packet('blue-1', '10.0.0.5', 'TCP/5432');
    expect(excepted.steps.at(-2)?.refusals?.[1]).toContain('10.0.1.0/24 excepts 10.0.1.2/32');
    // What the database sends is not restricted, and answers to it come in.
    expect(fabric.packet('db', '10.0.0.1', 'TCP/80').answer?.ending.outcome).toBe('delivered');
  });

  it('packet P-61 to P-65: tells all targets of an internal balancer with their shares, and the one of a flow', () => {
    const fabric = new Fabric();
    const spec = {
      type: 'Internal',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'red' },
      ips: [{ value: '10.0.0.80' }],
      networkInterfaceSelector: { matchLabels: { app: 'web' } },
      ports: [{ protocol: 'TCP', port: 80, endPort: 82 }],
    };
    fabric.put('LoadBalancer', 'front', spec);
    const { paths } = fabric.all({ from: fabric.uid('db'), protocol: 'TCP', dst: '10.0.0.80', dstPort: 81 });
    expect(paths.map((path) => [fabric.end(path), path.packet.dst]).sort()).toEqual([
      ['web-0', '10.0.0.1'],
      ['web-1', '10.0.0.2'],
    ]);
    for (const { share } of paths) expect(Math.abs(share - 0.5)).toBeLessThanOrEqual(0.1);
    const flow = fabric.packet('db', '10.0.0.80', 'TCP/80', { srcPort: 40_000 });
    expect(['web-0', 'web-1']).toContain(fabric.end(flow));
    expect(flow.answer?.packet).toEqual({ protocol: 'TCP', src: '10.0.0.80', srcPort: 80, dst: '10.0.0.5', dstPort: 40_000 });
    expect(fabric.end(fabric.packet('db', '10.0.0.80', 'TCP/83'))).toBe('PortNotServed');
    expect(fabric.end(fabric.packet('db', '10.0.0.80', 'UDP/80'))).toBe('PortNotServed');
    expect(fabric.end(fabric.packet('db', '10.0.0.80', 'ICMP'))).toBe('answered');
    // Of blue, only those see it that red exposes it to: it has no filter. Grey has no part in it.
    expect(fabric.all({ from: fabric.uid('blue-0'), protocol: 'TCP', dst: '10.0.0.80', dstPort: 80 }).paths).toHaveLength(2);
    expect(fabric.end(fabric.packet('grey-0', '10.0.0.80'))).toBe('NoRoute');
    // A target that talks to its own balancer may meet itself, and sees the balancer's address.
    const own = fabric
      .all({ from: fabric.uid('web-0'), protocol: 'TCP', dst: '10.0.0.80', dstPort: 80 })
      .paths.find((path) => fabric.end(path) === 'web-0');
    expect(own).toMatchObject({ packet: { src: '10.0.0.80' }, answer: { packet: { src: '10.0.0.80', dst: '10.0.0.1' } } });
    fabric.create(
      policy(
        'web',
        { networkInterfaceSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [selecting('LoadBalancer', {})] }] },
        'red',
      ),
    );
    expect(fabric.end(fabric.packet('db', '10.0.0.80', 'TCP/80', { srcPort: 40_000 }))).toBe(fabric.end(flow));
    expect(fabric.end(fabric.packet('db', '10.0.0.1', 'TCP/80'))).toBe('PolicyIngress');
  });

  it('packet P-49 to P-51, P-38: takes a VirtualIP for its holder, from inside, from another network and from the internet, and sends from it', () => {
    const fabric = new Fabric();
    fabric.put('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    fabric.put('VirtualIP', 'grey', { type: 'Public', ipFamily: 'IPv4' });
    fabric.patch(keyOf('NetworkInterface', 'web-1'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    fabric.patch(keyOf('NetworkInterface', 'grey-0'), { spec: { virtualIP: { virtualIPRef: { name: 'grey' } } } });
    const [vip, grey] = [fabric.status('VirtualIP', 'vip')['ip'] as string, fabric.status('VirtualIP', 'grey')['ip'] as string];
    const inside = fabric.packet('web-0', vip);
    expect([fabric.end(inside), inside.packet, inside.answer?.packet.src]).toMatchObject([
      'web-1',
      { src: '10.0.0.1', dst: '10.0.0.2' },
      vip,
    ]);
    const out = fabric.packet('web-1', '45.86.6.6');
    expect([out.outcome, out.packet.src, steps(out)]).toEqual([
      'internet',
      vip,
      'guest@b anti-spoof@b route@b policy egress@b virtual-ip@b tunnel@b guard@edge edge@edge',
    ]);
    const across = fabric.packet('grey-0', vip);
    expect([fabric.end(across), across.packet]).toMatchObject(['web-1', { src: grey, dst: '10.0.0.2' }]);
    expect(across.answer).toMatchObject({
      ending: { outcome: 'delivered', to: fabric.uid('grey-0') },
      packet: { src: vip, dst: '10.0.0.1' },
    });
    const inbound = fabric.packet(undefined, vip, 'TCP/80', { src: '45.86.6.6' });
    expect([fabric.end(inbound), steps(inbound)]).toEqual([
      'web-1',
      'internet@edge tunnel@edge guard@b virtual-ip@b policy ingress@b deliver@b',
    ]);
    expect(inbound.answer).toMatchObject({ ending: { outcome: 'internet' }, packet: { src: vip, dst: '45.86.6.6' } });
    expect(fabric.end(fabric.packet(undefined, '203.0.113.200'))).toBe('NoRoute');
    expect(fabric.end(fabric.packet('web-0', '45.86.6.6'))).toBe('NoRoute');
    fabric.create(policy('closed', { policyTypes: ['Ingress'] }, 'red'));
    expect(fabric.end(fabric.packet(undefined, vip, 'TCP/80', { src: '45.86.6.6' }))).toBe('PolicyIngress');
  });

  it('packet P-31, P-34, P-48: sends from the ports that a NAT gateway gives, and takes no flows to them', () => {
    const fabric = new Fabric();
    fabric.put('NATGateway', 'out', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'red' }, portsPerNetworkInterface: 1_024 });
    const path = fabric.packet('web-0', '45.86.6.6');
    expect(path.outcome).toBe('internet');
    const { src, srcPort } = path.packet;
    const { first, last } = srcPort as { first: number; last: number };
    expect([src.startsWith('203.0.113.'), first % 1_024, last - first]).toEqual([true, 0, 1_023]);
    expect(fabric.end(fabric.packet(undefined, src, `TCP/${first}`))).toBe('NotAnAnswer');
    expect(fabric.end(fabric.packet(undefined, src, 'ICMP'))).toBe('answered');
    expect(fabric.end(fabric.packet('blue-0', '45.86.6.6'))).toBe('NoRoute');
  });

  it('gives a packet back from the address that was asked where a balancer of a peer leads to the own address of a sender with a VirtualIP', () => {
    const fabric = new Fabric();
    fabric.nic('twin', 'a', 'red', ['10.0.1.2'], { app: 'twin' });
    const networkInterfaceSelector = { matchLabels: { app: 'twin' } };
    const spec = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'red' }, networkInterfaceSelector };
    fabric.put('LoadBalancer', 'of-red', { ...spec, ports: [{ protocol: 'TCP', port: 80 }] });
    fabric.put('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    const [ip] = fabric.status('LoadBalancer', 'of-red')['ips'] as string[];
    // Blue has that address itself, which is nearer.
    const back = () => fabric.packet('blue-1', ip!, 'TCP/80', { srcPort: 40_000 });
    expect(back().packet).toMatchObject({ src: '10.0.1.2', dst: '10.0.1.2' });
    fabric.patch(keyOf('NetworkInterface', 'blue-1'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    expect([fabric.end(back()), back().packet]).toMatchObject(['blue-1', { src: ip, dst: '10.0.1.2' }]);
  });

  it('forwards nothing from and to addresses that no host can have, whatever is routed', () => {
    const fabric = new Fabric();
    fabric.put('NATGateway', 'out', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'red' }, portsPerNetworkInterface: 64 });
    fabric.put('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    fabric.nic('wide', 'a', 'red', ['10.0.0.9'], {}, ['126.0.0.0/7', '192.0.0.0/2']);
    fabric.patch(keyOf('NetworkInterface', 'web-1'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    const vip = fabric.status('VirtualIP', 'vip')['ip'] as string;
    const ends = (from: string | undefined, dsts: readonly string[], more: Partial<Packet> = {}) =>
      Object.fromEntries(dsts.map((dst) => [dst, fabric.end(fabric.packet(from, dst, 'TCP/80', more))]));
    const every = (ips: readonly string[], end: string) => Object.fromEntries(ips.map((ip) => [ip, end]));
    const dropped = ['0.0.0.0', '127.0.0.1', '224.0.0.5', '255.255.255.255', '::1', 'fe80::7', 'ff02::1', 'ff0e::1'];
    // One in a network that has a VirtualIP, one that has a slot.
    for (const from of ['web-0', 'web-1']) expect(ends(from, dropped)).toEqual(every(dropped, 'Martian'));
    const forwarded = ['0.0.0.1', '169.254.0.2'];
    expect(ends('web-0', forwarded)).toEqual(every(forwarded, 'internet'));
    expect(fabric.end(fabric.packet('web-0', '240.0.0.1'))).toBe('wide');
    expect(fabric.packet('web-0', '127.0.0.1').steps.at(-1)).toMatchObject({
      host: 'a',
      detail: 'no router forwards what goes there: 127.0.0.1 is a loopback address (RFC 1122 3.2.1.3)',
    });
    for (const src of ['127.0.0.1', '224.0.0.5', '255.255.255.255'])
      expect(ends('wide', ['10.0.0.1', '198.51.100.1', '169.254.0.1'], { src })).toEqual(
        every(['10.0.0.1', '198.51.100.1', '169.254.0.1'], 'Martian'),
      );
    expect(fabric.end(fabric.packet('wide', '10.0.0.1', 'TCP/80', { src: '240.0.0.1' }))).toBe('web-0');
    const outside = (src: string) => fabric.end(fabric.packet(undefined, vip, 'TCP/80', { src }));
    expect(['0.0.0.0', '127.0.0.1', '224.0.0.5', '255.255.255.255', '169.254.0.9'].map(outside)).toEqual(Array(5).fill('Martian'));
    expect(['0.0.0.1', '45.86.6.6'].map(outside)).toEqual(['web-1', 'web-1']);
    const networkInterfaceSelector = { matchLabels: { app: 'web' } };
    fabric.put('NetworkPolicy', 'silence', { networkRef: { name: 'red' }, networkInterfaceSelector, policyTypes: ['Egress'] });
    // Asked on the way back to the link, where a router has fe80::/64.
    expect(ends('web-0', ['fe80::7', 'febf::1', 'ff02::1'])).toEqual({
      'fe80::7': 'PolicyEgress',
      'febf::1': 'Martian',
      'ff02::1': 'Martian',
    });
  });

  it('packet P-34: lets the address of a NAT gateway answer an echo request where a slot is: at the host that has it, at the edge, where the lowest is', () => {
    const fabric = new Fabric();
    for (const [name, nic] of [
      ['from-a', 'blue-0'],
      ['from-b', 'web-1'],
    ] as const) {
      fabric.put('VirtualIP', name, { type: 'Public', ipFamily: 'IPv4' });
      fabric.patch(keyOf('NetworkInterface', nic), { spec: { virtualIP: { virtualIPRef: { name } } } });
    }
    fabric.put('NATGateway', 'out', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'grey' }, portsPerNetworkInterface: 1_024 });
    const { src: address } = fabric.packet('grey-0', '45.86.6.6').packet;
    const answering = () =>
      ['blue-0', 'web-1', undefined]
        .map((from) => fabric.packet(from, address, 'ICMP').steps.at(-1))
        .map((step) => `${step?.at}@${step?.host}`);
    expect(answering()).toEqual(['answer@b', 'answer@b', 'answer@b']);
    fabric.nic('grey-1', 'edge', 'grey', ['10.0.0.2']);
    expect(fabric.packet('grey-1', '45.86.6.6').packet).toMatchObject({ src: address });
    expect(answering()).toEqual(['answer@edge', 'answer@b', 'answer@edge']);
  });

  it('packet P-55, P-58: shares what comes to a public balancer among its targets, at any edge', () => {
    const fabric = new Fabric();
    const spec = {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'red' },
      networkInterfaceSelector: { matchLabels: { app: 'web' } },
      ports: [{ protocol: 'TCP', port: 443 }],
    };
    fabric.put('LoadBalancer', 'public', spec);
    const [ip] = fabric.status('LoadBalancer', 'public')['ips'] as string[];
    const { paths } = fabric.all({ protocol: 'TCP', src: '45.86.6.6', dst: ip!, dstPort: 443 });
    expect(paths.map((path) => fabric.end(path)).sort()).toEqual(['web-0', 'web-1']);
    expect(paths.map(({ answer }) => answer?.packet.src)).toEqual([ip, ip]);
    expect(fabric.end(fabric.packet(undefined, ip!, 'TCP/80'))).toBe('PortNotServed');
    expect(fabric.all({ from: fabric.uid('db'), protocol: 'TCP', dst: ip!, dstPort: 443 }).paths).toHaveLength(2);
    expect(fabric.end(fabric.packet(undefined, ip!, 'TCP/443', { srcPort: 4_711 }))).toMatch(/^web-/);
  });

  it('says that nothing gets in or out without an edge', () => {
    const fabric = new Fabric();
    fabric.put('VirtualIP', 'vip', { type: 'Public', ipFamily: 'IPv4' });
    fabric.patch(keyOf('NetworkInterface', 'web-1'), { spec: { virtualIP: { virtualIPRef: { name: 'vip' } } } });
    fabric.patch(hostKey('edge'), { spec: { roles: ['Compute'] } });
    expect(fabric.end(fabric.packet('web-1', '45.86.6.6'))).toBe('NoEdge');
    expect(fabric.end(fabric.packet(undefined, fabric.status('VirtualIP', 'vip')['ip'] as string))).toBe('NoEdge');
  });
});
