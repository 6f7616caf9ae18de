/**
 * Guests that are virtual machines: a TAP device that a small program opens, which passes frames to the namespace that stands for the machine; and answers to
 * their DHCP clients.
 */
import { existsSync } from 'node:fs';
import { Inside, type LabNic, LabWorld, must, Netlab, run, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { GATEWAY_MAC, portDevice, routerNamespace } from './objects/names.ts';

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
