/**
 * Guests that are virtual machines: a TAP device that a small program opens, which passes frames to the namespace that stands for the machine; and answers to
 * their DHCP clients.
 */
import { existsSync } from 'node:fs';
import { bytesOfIp, ipOfBytes } from '@weft/api';
import {
  arpFrame,
  BROADCAST,
  FrameEnd,
  type Inside,
  icmpv6Frame,
  type LabNic,
  LabWorld,
  macBytes,
  must,
  Netlab,
  run,
  udpFrame,
  whyNoNetlab,
} from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { GATEWAY_MAC, GATEWAY_V4, portDevice, routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;
const MTU = 1430;
/** Programs that a machine may lack. */
const missing = ['dnsmasq', 'radvd', 'dhcpcd'].filter((name) => !['/usr/sbin', '/sbin'].some((path) => existsSync(`${path}/${name}`)));
const itAnswers = missing.length === 0 ? it : (title: string, _run: unknown) => it.skip(`${title} (${missing.join()} missing)`, () => {});
const describeHere = unfit === undefined ? describe : describe.skip;

describeHere(`Guests${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  let lab: Netlab;
  let world: LabWorld;
  let here: LabNic;
  let there: LabNic;
  let machine: LabNic;
  let running: Inside;
  beforeAll(async () => {
    lab = await Netlab.create({ hosts: 2 });
    world = new LabWorld(lab);
    const [h1, h2] = lab.hosts as [LabNic['host'], LabNic['host']];
    here = world.add('here', h1, RED, 1);
    there = world.add('there', h2, RED, 2);
    machine = await world.addMachine('machine', h1, RED, 3, { tap: '1000:100' });
    await world.settle();
    running = await world.start(machine);
  });
  afterAll(async () => {
    await running?.end();
    await world?.close();
    await lab?.close();
  });
  const router = () => routerNamespace(machine.host.index, RED);
  const inRouter = (...command: readonly string[]) => must(router(), command);
  const device = () => portDevice(machine.port.nic);
  /** As a machine that was told its addresses otherwise. */
  const configure = async () => {
    const lines = machine.ips.map((ip) => `addr add ${ip}/${ip.includes(':') ? '128 dev eth0 nodad' : '32 dev eth0'}`);
    lines.push('route add default via 169.254.0.1 dev eth0 onlink', 'route add default via fe80::1 dev eth0');
    await must(machine.netns, ['ip', '-batch', '-'], `link set eth0 mtu ${MTU}\n${lines.join('\n')}\n`);
  };

  it('have a TAP device that stays, for a user and a group, with the MAC of the gateway at this end', async () => {
    const [link] = JSON.parse(await inRouter('ip', '-j', '-d', 'link', 'show', device()));
    expect(link).toMatchObject({
      address: GATEWAY_MAC,
      mtu: 1500,
      linkinfo: { info_kind: 'tun', info_data: { type: 'tap', persist: true } },
    });
    const { user, group } = link.linkinfo.info_data;
    const numberOf = (file: string, name: string) => run(undefined, ['sh', '-c', `grep "^${name}:" ${file} | cut -d: -f3`]);
    expect([user, (await numberOf('/etc/passwd', user)).stdout.trim()]).toContain('1000');
    expect([group, (await numberOf('/etc/group', group)).stdout.trim()]).toContain('100');
  });

  it('send and receive frames by it, to guests here and on another host, and from them', async () => {
    await configure();
    for (const [from, to] of [
      [machine, here],
      [machine, there],
      [there, machine],
    ] as const) {
      for (const ip of to.ips) expect([from.name, ip, await lab.ping(from.netns, ip)]).toMatchObject([from.name, ip, { received: 1 }]);
    }
  });

  it('packet P-97: cannot send as somebody else, nor from another MAC', async () => {
    const heard = async (action: () => Promise<unknown>) => {
      const before = await lab.pinged(here.netns);
      await action();
      return (await lab.pinged(here.netns)) - before;
    };
    await must(machine.netns, ['ip', 'addr', 'add', '10.0.0.99/32', 'dev', 'eth0']);
    expect(await heard(() => run(machine.netns, ['ping', '-c', '1', '-W', '0.3', '-I', '10.0.0.99', here.ips[0]!]))).toBe(0);
    await must(machine.netns, ['ip', 'addr', 'del', '10.0.0.99/32', 'dev', 'eth0']);
    await must(machine.netns, ['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:99:99']);
    expect(await heard(() => run(machine.netns, ['ping', '-c', '1', '-W', '0.3', here.ips[0]!]))).toBe(0);
    await must(machine.netns, ['ip', 'link', 'set', 'eth0', 'address', machine.port.mac]);
    await until('its own address works', async () => (await lab.ping(machine.netns, here.ips[0]!, { waitMs: 300 })).received === 1);
  });

  describe('on their link', () => {
    const ALL_NODES = { to: '33:33:00:00:00:01', dst: 'ff02::1' };
    const solicitation = (from: LabNic, target: string) => {
      const end = target.split('::')[1]!.padStart(6, '0'); // Of ff02::1:ff00:0/104 (RFC 4291, 2.7.1).
      const at = { to: `33:33:ff:${end.match(/../g)!.join(':')}`, dst: `ff02::1:ff${end.slice(0, 2)}:${end.slice(2)}` };
      const body = Buffer.concat([Buffer.alloc(4), ipOf(target), Buffer.from([1, 1]), macBytes(from.port.mac)]);
      return icmpv6Frame({ from: from.port.mac, to: at.to }, { src: from.ips[1]!, dst: at.dst }, 135, body);
    };
    const ipOf = (ip: string) => Buffer.from(bytesOfIp(ip));
    const isArp = (frame: Buffer) => frame.readUInt16BE(12) === 0x0806;
    const isAdvertisement = (frame: Buffer) => frame.readUInt16BE(12) === 0x86dd && frame[20] === 58 && frame[54] === 136;

    it('packet P-1, P-11, P-14: find the gateway, which answers once and with its MAC, and nobody else', async () => {
      const end = await FrameEnd.at(here.netns);
      const macs = { from: here.port.mac, to: BROADCAST };
      // Another guest of the network, one of this host, and somebody outside.
      for (const target of [there.ips[0]!, machine.ips[0]!, '192.0.2.9']) end.send(arpFrame(macs, 'asks', here.ips[0]!, target));
      for (const target of [there.ips[1]!, machine.ips[1]!]) end.send(solicitation(here, target));
      end.send(arpFrame(macs, 'asks', '0.0.0.0', GATEWAY_V4), solicitation(here, 'fe80::1'));
      // It came after all others, whose answers would be here.
      const advertised = () => end.heard.filter(isAdvertisement);
      await until('the gateway advertises itself', () => advertised().length > 0);
      const gateway = macBytes(GATEWAY_MAC);
      const answers = end.heard.filter(isArp);
      expect(answers.map((frame) => [frame.subarray(6, 12), frame[21], frame.subarray(22, 28), [...frame.subarray(28, 32)]])).toEqual([
        [gateway, 2, gateway, [169, 254, 0, 1]],
      ]);
      // Its target, and the option that has its MAC.
      expect(advertised().map((frame) => [ipOfBytes([...frame.subarray(62, 78)]), frame.subarray(80, 86)])).toEqual([['fe80::1', gateway]]);
      await end.end();
    });

    it('packet P-15: are alone: what others ask or tell a link does not come to them', async () => {
      const [sender, ...ends] = await Promise.all([here, machine, there].map(({ netns }) => FrameEnd.at(netns)));
      const { mac } = here.port;
      const [from4 = '', from6 = ''] = here.ips;
      for (const other of [machine, there]) {
        const direct = { from: mac, to: other.port.mac };
        sender!.send(
          arpFrame({ from: mac, to: BROADCAST }, 'asks', from4, other.ips[0]!),
          arpFrame(direct, 'answers', GATEWAY_V4, other.ips[0]!),
          solicitation(here, other.ips[1]!),
          icmpv6Frame({ from: mac, to: ALL_NODES.to }, { src: 'fe80::1', dst: ALL_NODES.dst }, 134, Buffer.alloc(12, 255)),
          icmpv6Frame(direct, { src: 'fe80::9', dst: other.ips[1]! }, 134, Buffer.alloc(12, 255)),
          udpFrame({ from: mac, to: BROADCAST }, { src: from4, dst: '255.255.255.255' }, [67, 68], Buffer.alloc(300, 2)),
          udpFrame(direct, { src: GATEWAY_V4, dst: other.ips[0]! }, [67, 68], Buffer.alloc(300, 2)),
        );
        // What is sent in order comes to them, and comes last.
        sender!.send(udpFrame({ from: mac, to: GATEWAY_MAC }, { src: from6, dst: other.ips[1]! }, [9, 9], Buffer.from('the last')));
      }
      for (const end of ends) {
        await until('the last one arrives', () => end.heard.some((frame) => frame.includes('the last')));
        expect(end.heard.filter((frame) => frame.includes(macBytes(mac)))).toEqual([]);
        expect(end.heard.filter((frame) => frame.includes(Buffer.alloc(12, 255)) || frame.includes(Buffer.alloc(300, 2)))).toEqual([]);
      }
      for (const end of [sender!, ...ends]) await end.end();
    });
  });

  it('keep their device when the agent starts again, and lose it when the interface goes', async () => {
    await world.verify(machine.host);
    const { nics } = world;
    const at = nics.indexOf(machine);
    nics.splice(at, 1);
    await world.settle();
    expect((await run(routerNamespace(machine.host.index, RED), ['ip', 'link', 'show', device()])).stdout).toBe('');
    nics.splice(at, 0, machine);
    await world.settle();
    await running.end();
    running = await world.start(machine);
    await configure();
    await until('the machine is reached', async () => (await lab.ping(there.netns, machine.ips[0]!, { waitMs: 300 })).received === 1);
  });

  const CLIENT = ['dhcpcd', '-B', '-1', '-A', '-c', '/bin/true', '-f', '/dev/null', '-o', 'classless_static_routes,interface_mtu'];
  /** A DHCP client that knows of no other run of it; what it says. It gives up after so many seconds. */
  const ask = async (nic: LabNic, giveUpS: number, ...args: readonly string[]): Promise<string> => {
    const apart = 'mount -t tmpfs none /run; mount -t tmpfs none /var/lib/dhcpcd; exec "$@"';
    const client = ['timeout', String(giveUpS), ...CLIENT, ...args, 'eth0'];
    const { stdout, stderr } = await run(nic.netns, ['unshare', '--mount', 'sh', '-c', apart, '-', ...client]);
    return stdout + stderr;
  };
  const processes = async (): Promise<readonly string[]> => {
    const { stdout } = await run(undefined, ['sh', '-c', `cat /run/weft/${router()}/*.pid`]);
    return stdout.split('\n').filter((pid) => pid !== '' && existsSync(`/proc/${pid}/exe`));
  };

  itAnswers(
    'packet P-3, P-4, P-5, P-12: get their addresses, next hops and MTU over DHCP and router solicitations, with a TAP device by themselves',
    async () => {
      await must(machine.netns, ['ip', 'addr', 'flush', 'dev', 'eth0']);
      await must(machine.netns, ['ip', 'link', 'set', 'eth0', 'mtu', '1500']);
      machine = world.change(machine, { answers: true });
      here = world.change(here, { answers: true });
      await world.settle();
      const clients = [ask(machine, 30, '-4', `--request=${here.ips[0]}`), ask(machine, 30, '-6'), ask(here, 30, '-4')];
      const [by4, by6, inNamespace] = await Promise.all(clients);
      await world.settle(); // The client has put routes of its own into the namespace.
      expect(by4).toMatch(/leased 10\.0\.0\.3 for infinity/);
      expect(by6).toMatch(/adding address fd10::3\/128/);
      expect(inNamespace).toMatch(/leased 10\.0\.0\.1 for infinity/);
      const shown = await must(machine.netns, ['sh', '-c', 'ip addr show dev eth0; ip route; ip -6 route']);
      expect(shown).toMatch(/inet 10\.0\.0\.3\/32 /);
      expect(shown).toMatch(/default via 169\.254\.0\.1 dev eth0 .*mtu 1430/);
      expect(shown).toMatch(/default via fe80::1 dev eth0 proto ra .*mtu 1430/);
      expect(shown).not.toMatch(/^fd10::\S+\/(?!128)\d+/m); // No prefix is on the link.
      for (const nic of [here, there])
        for (const ip of nic.ips) expect([ip, await lab.ping(machine.netns, ip)]).toMatchObject([ip, { received: 1 }]);
      await world.verify(machine.host);
    },
  );

  itAnswers('get no address but their own, by no other port or MAC; and a namespace gets none unless it is asked for', async () => {
    await must(machine.netns, ['ip', 'link', 'set', 'eth0', 'address', here.port.mac]);
    const [forged, plain] = await Promise.all([ask(machine, 2, '-4'), ask(there, 2, '-4')]);
    await must(machine.netns, ['ip', 'link', 'set', 'eth0', 'address', machine.port.mac]);
    expect([forged, plain].map((text) => /offered|leased/.test(text))).toEqual([false, false]);
    await world.settle();
  });

  itAnswers('packet P-8, P-9, P-10, P-13: get no answer about a family of which they have no address', async () => {
    const alone = (name: string, last: number, ip: string) =>
      world.change(world.add(name, machine.host, RED, last), { ips: [ip], answers: true });
    const [four, six] = [alone('four', 4, '10.0.0.4'), alone('six', 6, 'fd10::6')];
    await world.settle();
    // Who answers looks for the MAC of who asks.
    for (const { netns } of [four, six]) await must(netns, ['ip', 'addr', 'add', 'fe80::44/64', 'dev', 'eth0', 'nodad']);
    const [at4, at6] = [await FrameEnd.at(four.netns), await FrameEnd.at(six.netns)];
    const discover = ({ port }: LabNic) => {
      const message = Buffer.alloc(300);
      message.set([1, 1, 6, 0, 1, 2, 3, 4]);
      message.set(macBytes(port.mac), 28);
      message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], 236);
      return udpFrame({ from: port.mac, to: BROADCAST }, { src: '0.0.0.0', dst: '255.255.255.255' }, [68, 67], message);
    };
    /** SOLICIT, REQUEST and CONFIRM of RFC 8415, for an address, by a client that is known by its MAC. */
    const asks6 = ({ port }: LabNic) =>
      [1, 3, 4].map((type) => {
        const options = ['0001000a00030001', port.mac.replaceAll(':', ''), '0003000c000000010000000000000000', '000800020000'];
        const message = Buffer.concat([Buffer.from([type, 0, 0, type]), Buffer.from(options.join(''), 'hex')]);
        return udpFrame({ from: port.mac, to: '33:33:00:01:00:02' }, { src: 'fe80::44', dst: 'ff02::1:2' }, [546, 547], message);
      });
    const isFrom = (number: number) => (frame: Buffer) => frame.readUInt16BE(frame.readUInt16BE(12) === 0x86dd ? 54 : 34) === number;
    at6.send(discover(six));
    at4.send(...asks6(four));
    // What answers takes one after the other: two offers later it has looked at all of these.
    for (const offers of [1, 2]) {
      at4.send(discover(four));
      await until('an offer', () => at4.heard.filter(isFrom(67)).length >= offers);
    }
    at6.send(...asks6(six)); // As who has one is answered.
    await until('an answer to who has an address', () => at6.heard.some(isFrom(547)));
    expect([at6.heard.filter(isFrom(67)), at4.heard.filter(isFrom(547))]).toEqual([[], []]);
    await Promise.all([at4.end(), at6.end()]);
    for (const nic of [four, six]) world.remove(nic);
    await world.settle();
  });

  itAnswers('get answers after what answers has died, and none of it is left when nobody is to get any', async () => {
    const before = await processes();
    expect(before).toHaveLength(2);
    await world.verify(machine.host); // An agent that starts finds them.
    expect(await processes()).toEqual(before);
    for (const pid of before) process.kill(Number(pid), 'SIGKILL');
    await until('they run again', async () => (await processes()).length === 2);
    await world.settle();
    for (const nic of [machine, here]) {
      const { answers: _, ...port } = nic.port;
      world.nics.splice(world.nics.indexOf(nic), 1, { ...nic, port: { ...port, position: String(Number(port.position) + 1000) } });
    }
    await world.settle();
    expect(await processes()).toEqual([]);
    expect(existsSync(`/run/weft/${router()}`)).toBe(false);
    [machine, here] = ['machine', 'here'].map((name) => world.nics.find((nic) => nic.name === name)) as [LabNic, LabNic];
  });

  it('find and repair what somebody did to it', async () => {
    for (const damage of [
      ['ip', 'link', 'set', device(), 'down'],
      ['ip', 'link', 'set', device(), 'address', '02:00:00:00:77:77'],
      ['nft', `delete element inet dp src4 { "${device()}" . ${machine.port.mac} . ${machine.ips[0]} }`],
      ['ip', 'route', 'del', `${machine.ips[0]}/32`],
    ]) {
      await inRouter(...damage);
      await world.settle();
    }
  });
});
