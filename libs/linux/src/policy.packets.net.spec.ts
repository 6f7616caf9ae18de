/**
 * NetworkPolicies in the real kernel (provider 5.8): packets are sent, and what arrives is looked at. Of each packet it is known when it has been decided:
 * it arrives, or a chain of policies has counted it.
 */
import { type MemberRow, type PolicyRow, policiesTable } from '@weft/fabric';
import {
  FrameEnd,
  ipv6Frame,
  type LabNic,
  LabWorld,
  must,
  Netlab,
  RawGuest,
  type RawPacket,
  run,
  whyNoNetlab,
  withChecksum,
} from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { GATEWAY_MAC, portDevice, routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 310;
const BLUE = 311;
const FAR = 312;

type Rule = PolicyRow['ingress'][number];
const admit = (peers: Rule['peers'], ports: Rule['ports'] = 'any'): Rule => ({ peers, ports });
const block = (cidr: string, ...except: string[]) => ({ cidr, except });
const port = (protocol: 'TCP' | 'UDP' | 'SCTP', first?: number, last = first) =>
  first === undefined ? { protocol } : { protocol, ports: { first, last: last as number } };

if (unfit === undefined) {
  describe('Policies in the kernel', () => {
    let lab: Netlab;
    let world: LabWorld;
    const guests = new Map<string, RawGuest>();
    let policies = 0;
    /** Neighbours of vm2: vm1 on its own host, vm3 and vm4 on another. */
    let vm1: LabNic;
    let vm2: LabNic;
    let vm3: LabNic;
    let vm4: LabNic;
    let blue1: LabNic;
    let blue2: LabNic;
    let far3: LabNic;
    const nics = () => [vm1, vm2, vm3, vm4, blue1, blue2, far3];

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 2 });
      world = new LabWorld(lab);
      const [h1, h2] = lab.hosts as [LabNic['host'], LabNic['host']];
      vm1 = world.add('vm1', h1, RED, 1);
      vm2 = world.add('vm2', h1, RED, 2);
      vm3 = world.add('vm3', h2, RED, 3);
      vm4 = world.add('vm4', h2, RED, 4);
      blue1 = world.add('blue1', h1, BLUE, 1);
      blue2 = world.add('blue2', h1, BLUE, 2);
      far3 = world.add('far3', h2, FAR, 9);
      world.peer(RED, FAR);
      await world.settle();
      for (const nic of nics()) guests.set(nic.netns, await RawGuest.in(nic.netns));
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });
    afterEach(async () => {
      for (const vni of [RED, BLUE, FAR])
        for (const key of [...world.table(policiesTable(vni)).keys()])
          if (key.startsWith('policy/')) world.table(policiesTable(vni)).delete(key);
      for (const nic of nics()) world.select(nic);
      await world.settle();
    });

    /** A policy for `of`, in effect when this resolves. */
    const given = async (of: LabNic, rows: Partial<PolicyRow>, more: Partial<Pick<MemberRow, 'groups'>> = {}): Promise<string> => {
      const policy = `p-${++policies}`;
      const targets = [...(world.memberOf(of).targets ?? []), `target ${policy}`];
      world.select(of, { targets, ...more });
      const row: PolicyRow = {
        ...{ policy, namespace: 'ns', name: policy, target: `target ${policy}`, isolates: ['ingress'], egress: [], ingress: [] },
        ...{ position: '900', because: [] },
        ...rows,
      };
      world.table(policiesTable(of.port.vni)).set(`policy/${policy}`, row);
      await world.settle();
      return `policy/${policy}`;
    };
    const address = (nic: LabNic, family: 4 | 6) => nic.ips[family === 4 ? 0 : 1] as string;
    const dropped = async (): Promise<number> => {
      const routers = nics().map(({ host, port: { vni } }) => routerNamespace(host.index, vni));
      const counts = [...new Set(routers)].map(
        async (router) => (await lab.counted(router, 'dp', 'policy_egress')) + (await lab.counted(router, 'dp', 'policy_ingress')),
      );
      return (await Promise.all(counts)).reduce((sum, each) => sum + each, 0);
    };
    type Try = readonly [from: LabNic, to: LabNic | string, what: string, more?: Readonly<{ family?: 4 | 6; sourcePort?: number }>];
    const packetOf = ([from, to, what, { family = 4, sourcePort } = {}]: Try): RawPacket => {
      const [protocol, number] = what.split('/') as [RawPacket['protocol'], string?];
      const destination = typeof to === 'string' ? to : address(to, family);
      return {
        ...{ from: address(from, family), to: destination, protocol },
        ...(number !== undefined && { port: Number(number) }),
        ...(sourcePort !== undefined && { sourcePort }),
      };
    };
    /** Which of these packets arrive. */
    const arrivals = async (tries: readonly Try[]): Promise<readonly boolean[]> => {
      const before = await dropped();
      const tokens = tries.map((each) => guests.get(each[0].netns)?.send(packetOf(each)) ?? '');
      const arrived = () =>
        tries.map(([, to], at) => {
          const guest = typeof to === 'string' ? undefined : guests.get(to.netns);
          guest?.listen();
          return guest?.heard.has(tokens[at] as string) ?? false;
        });
      await until(
        () => `of ${tries.length} packets not all are decided: ${JSON.stringify(tries.map((each, at) => [packetOf(each), arrived()[at]]))}`,
        async () => arrived().filter(Boolean).length + (await dropped()) - before >= tries.length,
      );
      return arrived();
    };
    /** Both families, from the same host and from another. */
    const everyWay = (to: LabNic, what: string): readonly Try[] =>
      ([4, 6] as const).flatMap((family) => [vm1, vm3].map((from): Try => [from, to, what, { family }]));
    const none = (tries: readonly Try[]) => tries.map(() => false);
    const all = (tries: readonly Try[]) => tries.map(() => true);

    it('packet P-84: a NIC without policy receives and sends everything', async () => {
      const tries = ['TCP/80', 'UDP/53', 'SCTP/132', 'ICMP'].flatMap((what) => [...everyWay(vm2, what), [vm2, vm3, what] as const]);
      expect(await arrivals(tries)).toEqual(all(tries));
    });

    it('packet P-85: a policy for Ingress without rules drops all new flows that come, and none that go', async () => {
      await given(vm2, { isolates: ['ingress'] });
      const tries = ['TCP/80', 'UDP/53', 'SCTP/132', 'ICMP'].flatMap((what) => everyWay(vm2, what));
      expect(await arrivals(tries)).toEqual(none(tries));
      const out: Try[] = [
        [vm2, vm1, 'TCP/80'],
        [vm2, vm3, 'UDP/53', { family: 6 }],
      ];
      expect(await arrivals(out)).toEqual(all(out));
      await lab.echo(vm3.netns, address(vm3, 4));
      await lab.call(vm2.netns, address(vm3, 4)); // With the replies.
    });

    it('packet P-79, P-80, P-19, P-20: what a range admits arrives, and nothing else', async () => {
      await given(vm2, {
        ingress: [admit([block('10.0.0.1/32'), block('fd10::3/128')], [port('TCP', 1234)]), admit([block('1.2.0.0/16')])],
      });
      const tries = everyWay(vm2, 'TCP/1234');
      expect(await arrivals(tries)).toEqual([true, false, false, true]); // vm1 and vm3 of IPv4, then of IPv6.
      expect(await arrivals(everyWay(vm2, 'TCP/1235'))).toEqual(none(tries));
    });

    it('packet P-81, P-82, P-83: what a sender may send leaves, and nothing else', async () => {
      await given(vm2, {
        isolates: ['egress'],
        egress: [admit([block('0.0.0.0/0')], [port('TCP', 453)]), admit([block('::/0')], [port('TCP', 456)])],
      });
      const tries = [vm1, vm3].flatMap((to): Try[] => [
        [vm2, to, 'TCP/1024'],
        [vm2, to, 'TCP/453'],
        [vm2, to, 'TCP/456', { family: 6 }],
        [vm2, to, 'TCP/453', { family: 6 }],
        [to, vm2, 'TCP/1024'],
      ]);
      expect(await arrivals(tries)).toEqual([...[false, true, true, false, true], ...[false, true, true, false, true]]);
    });

    it('packet P-86: a port is that of the destination', async () => {
      await given(vm2, { ingress: [admit('any', [port('TCP', 5432)])] });
      const tries = everyWay(vm2, 'TCP/5432');
      expect(await arrivals(tries)).toEqual(all(tries));
      const wrong: Try[] = [vm1, vm3].map((from) => [from, vm2, 'TCP/22', { sourcePort: 5432 }]);
      expect(await arrivals(wrong)).toEqual(none(wrong));
    });

    it('packet P-87: `except` excludes, and a second policy admits again', async () => {
      await given(vm2, { ingress: [admit([block('10.0.0.0/24', '10.0.0.1/32'), block('fd10::/64', 'fd10::3/128')])] });
      expect(await arrivals(everyWay(vm2, 'UDP/9'))).toEqual([false, true, true, false]);
      await given(vm2, { ingress: [admit([block('10.0.0.1/32')], [port('UDP', 9)])] });
      expect(await arrivals(everyWay(vm2, 'UDP/9'))).toEqual([true, true, true, false]);
    });

    it('packet P-88: endPort is inclusive, no port is each of the protocol, SCTP counts, and no ports are all protocols', async () => {
      world.select(vm1, { groups: ['web'] });
      world.select(vm3, { groups: ['web'] });
      await given(vm2, { ingress: [admit([{ group: 'web' }], [port('TCP', 80, 90), port('UDP'), port('SCTP', 132)])] });
      const what = ['TCP/79', 'TCP/80', 'TCP/90', 'TCP/91', 'UDP/1', 'UDP/65535', 'SCTP/132', 'SCTP/133', 'ICMP'];
      const tries = what.flatMap((each) => everyWay(vm2, each));
      const admitted = ['TCP/80', 'TCP/90', 'UDP/1', 'UDP/65535', 'SCTP/132'];
      expect(await arrivals(tries)).toEqual(tries.map(([, , each]) => admitted.includes(each)));
      await given(vm2, { ingress: [admit([{ group: 'web' }])] });
      expect(await arrivals([...tries, [vm4, vm2, 'TCP/80']])).toEqual([...all(tries), false]);
    });

    it('packet P-21, P-22: echo passes where the peer matches and the rule names no ports', async () => {
      world.select(vm3, { groups: ['web'] });
      await given(vm2, { ingress: [admit([{ group: 'web' }]), admit([block('10.0.0.1/32')], [port('TCP', 80)])] });
      expect(await arrivals(everyWay(vm2, 'ICMP'))).toEqual([false, true, false, true]);
      expect(await lab.ping(vm3.netns, address(vm2, 4))).toMatchObject({ received: 1 });
    });

    it('packet P-89: replies and related errors pass although their direction is isolated', async () => {
      await given(vm1, { isolates: ['ingress'] });
      await given(vm3, { isolates: ['ingress'] });
      for (const from of [vm1, vm3]) {
        for (const family of [4, 6] as const) {
          expect(await lab.ping(from.netns, address(vm2, family))).toMatchObject({ received: 1 });
          const token = guests.get(from.netns)?.send(packetOf([from, vm2, 'UDP/4711', { family }])) ?? '';
          await until('the error that nobody listens arrives', () => {
            guests.get(from.netns)?.listen();
            return guests.get(from.netns)?.errorsAbout.has(token) === true;
          });
        }
      }
      const back: Try[] = [vm1, vm3].map((to) => [vm2, to, 'TCP/4711']);
      expect(await arrivals(back)).toEqual(none(back));
    });

    it('packet P-90, provider C-46: a flow that runs is cut when its rule goes, and goes on when the rule is back', async () => {
      const rule = { ingress: [admit([block('10.0.0.0/24'), block('fd10::/64')], [port('UDP', 7)])] };
      const key = await given(vm2, rule);
      const flow = everyWay(vm2, 'UDP/7').map(([from, to, what, more], at): Try => [from, to, what, { ...more, sourcePort: 6_000 + at }]);
      // With replies, so that the kernel knows the flow.
      for (const family of [4, 6] as const) await lab.echo(vm2.netns, address(vm2, family));
      const tokens = flow.map((each) => [each[0].netns, guests.get(each[0].netns)?.send(packetOf(each)) ?? ''] as const);
      await until('each has its reply', () =>
        tokens.every(([netns, token]) => {
          guests.get(netns)?.listen();
          return guests.get(netns)?.heard.has(token) === true;
        }),
      );
      expect(await arrivals(flow)).toEqual(all(flow));
      const row = world.table(policiesTable(RED)).get(key) as PolicyRow;
      world.table(policiesTable(RED)).set(key, { ...row, ingress: [] });
      await world.settle();
      expect(await arrivals(flow)).toEqual(none(flow));
      world.table(policiesTable(RED)).set(key, row);
      await world.settle();
      expect(await arrivals(flow)).toEqual(all(flow));
    });

    it('packet P-91: who takes over the address of a peer is not admitted', async () => {
      world.select(vm1, { groups: ['web'] });
      world.select(vm3, { groups: ['web'] });
      await given(vm2, { ingress: [admit([{ group: 'web' }])] });
      expect(await arrivals([...everyWay(vm2, 'TCP/80')])).toEqual([true, true, true, true]);
      world.select(vm3);
      await world.settle();
      expect(await arrivals([...everyWay(vm2, 'TCP/80')])).toEqual([true, false, true, false]);
    });

    it('packet P-92, provider R-28.7: the sender’s egress and the receiver’s ingress must both admit, on one host and across', async () => {
      for (const from of [vm1, vm3]) await given(from, { isolates: ['egress'], egress: [admit('any', [port('TCP', 1, 2)])] });
      await given(vm2, { ingress: [admit('any', [port('TCP', 2, 3)])] });
      const tries = ['TCP/1', 'TCP/2', 'TCP/3', 'TCP/4'].flatMap((what) => everyWay(vm2, what));
      expect(await arrivals(tries)).toEqual(tries.map(([, , what]) => what === 'TCP/2'));
    });

    it('a staged policy drops nothing and counts what it would, and drops it once it is enforced', async () => {
      const said = { isolates: ['ingress' as const], egress: [], ingress: [admit([block('10.0.0.1/32')], [port('TCP', 80)])] };
      const key = await given(vm2, { isolates: [], staged: said });
      const tries = ['TCP/80', 'UDP/53', 'ICMP'].flatMap((what) => everyWay(vm2, what));
      const admitted = (each: Try) => each[0] === vm1 && each[2] === 'TCP/80' && each[3]?.family === 4;
      const counted = async () => {
        const counts = await world.drivers.get(vm2.host)?.counts([RED, BLUE]);
        return [...(counts ?? [])].map(([of, { packets }]) => `${of}: ${packets}`);
      };
      expect(await arrivals(tries)).toEqual(all(tries));
      const refused = tries.filter((each) => !admitted(each)).length;
      const element = `entry/r${RED}/policy_staged_ingress/${portDevice(vm2.port.nic)}`;
      expect(await counted()).toEqual([`${element}: ${refused}`]);
      // Replies are asked about by nobody, and another policy that restricts the interface counts before.
      expect(await lab.ping(vm2.netns, address(vm3, 4))).toMatchObject({ received: 1 });
      expect(await counted()).toEqual([`${element}: ${refused}`]);
      const row = world.table(policiesTable(RED)).get(key) as PolicyRow;
      world.table(policiesTable(RED)).set(key, { ...row, position: '901' });
      await world.settle();
      expect(await counted()).toEqual([`${element}: 0`]);
      const { staged, ...enforced } = { ...row, ...said };
      world.table(policiesTable(RED)).set(key, enforced);
      await world.settle();
      expect([await arrivals(tries), await counted()]).toEqual([tries.map(admitted), []]);
    });

    it('packet P-93: NICs of two tenants with one address do not influence each other', async () => {
      await given(vm2, { isolates: ['ingress', 'egress'] });
      expect(
        await arrivals([
          [vm1, vm2, 'TCP/80'],
          [blue1, blue2, 'TCP/80'],
          [blue2, blue1, 'TCP/80'],
        ]),
      ).toEqual([false, true, true]);
    });

    it('packet P-94: from a peered network a range admits, and a group never does, whatever the address', async () => {
      world.select(far3, { groups: ['web'] });
      world
        .table(policiesTable(RED))
        .set('member/twin', { ...world.memberOf(vm4), uid: 'twin', prefixes: ['10.0.0.9/32', 'fd10::9/128'], groups: ['web'] });
      await given(vm2, { ingress: [admit([{ group: 'web' }])] });
      await given(vm4, { ingress: [admit([{ group: 'web' }])] });
      const tries = ([4, 6] as const).flatMap((family) => [vm2, vm4].map((to): Try => [far3, to, 'TCP/80', { family }]));
      expect(await arrivals(tries)).toEqual(none(tries));
      await given(vm2, { ingress: [admit([block('10.0.0.9/32'), block('fd10::9/128')])] });
      expect(await arrivals(tries)).toEqual([true, false, true, false]);
      world.table(policiesTable(RED)).delete('member/twin');
    });

    it('packet P-96, provider R-21: who is not known, or is in a policy that is not known, neither sends nor receives', async () => {
      world.table(policiesTable(RED)).delete(`member/${vm2.port.nic}`);
      world.select(vm3, { targets: ['of a policy that nobody has'] });
      await world.settle();
      const tries: Try[] = [
        [vm1, vm2, 'TCP/80'],
        [vm2, vm1, 'ICMP'],
        [vm1, vm3, 'UDP/53', { family: 6 }],
        [vm3, vm4, 'SCTP/132'],
        [vm1, vm4, 'TCP/80'],
      ];
      expect(await arrivals(tries)).toEqual([false, false, false, false, true]);
    });

    it('provider R-28.8: what the router answers is never filtered', async () => {
      await given(vm2, { isolates: ['egress', 'ingress'] });
      for (const gateway of ['169.254.0.1', 'fe80::1%eth0']) expect(await lab.ping(vm2.netns, gateway)).toMatchObject({ received: 1 });
    });

    it('packet P-100: what comes behind other headers of IPv6 counts, not these', async () => {
      await given(vm2, { ingress: [admit('any', [port('TCP', 5432)])] });
      const before = await dropped();
      const ends = await Promise.all([vm1, vm3].map(({ netns }) => FrameEnd.at(netns)));
      // A header hop by hop with padding, and one for the destination whose option, which nobody knows, looks like two ports 5432.
      const options = [Buffer.from([60, 0, 1, 4, 0, 0, 0, 0]), Buffer.from([6, 0, 0x1e, 4, 0x15, 0x38, 0x15, 0x38])];
      const tokens = [5432, 22].flatMap((number) =>
        [vm1, vm3].map((from, at) => {
          const [src, dst, token] = [address(from, 6), address(vm2, 6), `weft9${number}${at}`.padEnd(12, '0')];
          const segment = Buffer.concat([Buffer.alloc(20), Buffer.from(token)]);
          segment.writeUInt16BE(number === 22 ? 5432 : 22, 0);
          segment.writeUInt16BE(number, 2);
          segment.writeUInt16BE(0x5002, 12);
          const tcp = withChecksum({ src, dst }, 6, segment, 16);
          ends[at]?.send(ipv6Frame({ from: from.port.mac, to: GATEWAY_MAC }, { src, dst }, 0, Buffer.concat([...options, tcp])));
          return token;
        }),
      );
      const arrived = () => {
        const guest = guests.get(vm2.netns);
        guest?.listen();
        return tokens.map((token) => guest?.heard.has(token));
      };
      await until('all are decided', async () => arrived().filter(Boolean).length + (await dropped()) - before >= tokens.length);
      expect(arrived()).toEqual([true, true, false, false]);
      for (const end of ends) await end.end();
    });

    it('packet P-99: fragments are judged whole, and what travels says nothing of the judgement', async () => {
      world.select(vm3, { groups: ['web'] });
      await given(vm2, { ingress: [admit([{ group: 'web' }])] });
      expect(await lab.ping(vm3.netns, address(vm2, 4), { size: 4_000 })).toMatchObject({ received: 1 });
      await given(vm3, { isolates: ['egress'], egress: [admit([{ group: 'db' }])] }, { groups: ['web'] });
      world.select(vm2, { targets: world.memberOf(vm2).targets, groups: ['db'] });
      await world.settle();
      // The mark would travel in the tunnel's header, and the priority choose a queue.
      const router = routerNamespace(vm3.host.index, RED);
      await must(
        router,
        ['nft', '-f', '-'],
        'table inet seen { counter marked {}; chain out { type filter hook postrouting priority 200; policy accept; oifname "vx" meta mark != 0 counter name marked\n oifname "vx" meta priority != none counter name marked\n }\n }\n',
      );
      expect(await lab.ping(vm3.netns, address(vm2, 4))).toMatchObject({ received: 1 });
      expect(await must(router, ['nft', 'list', 'counter', 'inet', 'seen', 'marked'])).toMatch(/packets 0 /);
      await run(router, ['nft', 'delete', 'table', 'inet', 'seen']);
    });
  });
} else it.skip(`Policies in the kernel (${unfit})`, () => {});
