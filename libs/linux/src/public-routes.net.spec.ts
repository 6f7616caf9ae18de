/**
 * Public addresses, told to an edge router by BIRD with the configuration that we give away (deploy/bgp/bird.conf), and what the internet loses when a host dies.
 *
 *   internet, with a router that spreads flows ── uplink of edge h1 ── VirtualIP of `one`
 *                                            └──── uplink of edge h2 ── VirtualIP of `two`
 *                                                        tunnel └────── h3 ── VirtualIP of `three`
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { edgesTable } from '@weft/fabric';
import { Inside, Internet, type LabNic, LabWorld, must, Netlab, Probe, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { routerNamespace } from './objects/names.ts';

const unfit = whyNoNetlab() ?? whyNoBird();
const CONFIGURATION = fileURLToPath(new URL('../../../deploy/bgp/bird.conf', import.meta.url));
const RED = 300;
const vipsOf = (n: number) => [`203.0.113.${n}`, `2001:db8:100::${n}`];
/** Seconds that a router waits for a silent host. */
const HOLD_S = 3;

function whyNoBird(): string | undefined {
  try {
    execFileSync('bird', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs bird (Debian package bird2)';
  }
}

/** An edge router that spreads flows over all hosts which announce an address. It sends from an address of its own, which hosts have a way to. */
const ROUTER = (hosts: readonly number[], [own4, own6]: readonly string[]): string => `
  log stderr { remote };
  router id 100.64.0.254;
  protocol device {}
  protocol kernel k4 { merge paths on; ipv4 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = ${own4}; accept; }; }; }
  protocol kernel k6 { merge paths on; ipv6 { import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = ${own6}; accept; }; }; }
  template bgp host { hold time ${HOLD_S}; connect delay time 1; connect retry time 1; error wait time 1, 2; }
  ${hosts
    .map(
      (n) => `
  protocol bgp h${n}v4 from host { local 100.64.0.254 as 64500; neighbor 100.64.0.${n} as 64512; ipv4 { import all; export none; }; }
  protocol bgp h${n}v6 from host { local 2001:db8:fffe::fe as 64500; neighbor 2001:db8:fffe::${n} as 64512; ipv6 { import all; export none; }; }`,
    )
    .join('')}`;

const HOST = (n: number): string => `
  router id 100.64.0.${n};
  include "${CONFIGURATION}";
  protocol bgp router1 from weft_router4 { local 100.64.0.${n} as 64512; neighbor 100.64.0.254 as 64500; }
  protocol bgp router1v6 from weft_router6 { local 2001:db8:fffe::${n} as 64512; neighbor 2001:db8:fffe::fe as 64500; }`;

if (unfit !== undefined) it.skip(`Public routes, announced by BIRD (${unfit})`, () => {});
else
  describe('Public routes, announced by BIRD', () => {
    let lab: Netlab;
    let folder: string;
    let internet: Internet;
    let world: LabWorld;
    let nics: readonly LabNic[];
    const birds: Inside[] = [];

    const bird = (netns: string, name: string, text: string): Inside => {
      const file = join(folder, `${name}.conf`);
      writeFileSync(file, text);
      // Before all others: one that gets no turn for the hold time would be taken for dead.
      return new Inside(netns, ['nice', '-n', '-10', 'bird', '-f', '-c', file, '-s', join(folder, `${name}.ctl`)]);
    };
    const sideOf = (n: number) => routerNamespace(lab.hosts[n - 1]!.index, 1);
    /** By which edges the internet sends to an address, as the last digits of their addresses. */
    const waysTo = async (address: string): Promise<readonly string[]> => {
      const text = await must(internet.netns, ['ip', address.includes(':') ? '-6' : '-4', 'route', 'show', address]);
      return [...text.matchAll(/via \S+[.:](\d) /g)].map(([, n]) => n as string).sort();
    };
    const waysBecome = (address: string, wanted: readonly string[]): Promise<unknown> =>
      until(`the internet sends ${address} to ${wanted.join() || 'nobody'}`, async () => (await waysTo(address)).join() === wanted.join());
    const answered = (address: string) =>
      until(`${address} to answer`, async () => (await lab.ping(internet.netns, address, { waitMs: 300 })).received === 1);

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3 });
      folder = mkdtempSync(join(tmpdir(), 'weft-bird-'));
      const [h1, h2, h3] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      internet = await Internet.create(lab, [h1, h2]);
      world = new LabWorld(lab, lab.hosts, internet);
      nics = [world.add('one', h1, RED, 1), world.add('two', h2, RED, 2), world.add('three', h3, RED, 3)];
      for (const [at, nic] of nics.entries()) for (const vip of vipsOf(at + 1)) world.virtualIp(vip, nic);
      await world.settle();
      // Nothing but BIRD says where public addresses are; flows are spread by their ports.
      for (const range of ['203.0.113.0/24', '2001:db8:100::/48']) await must(internet.netns, ['ip', 'route', 'del', range]);
      await must(internet.netns, ['sysctl', '-qw', 'net.ipv4.fib_multipath_hash_policy=1', 'net.ipv6.fib_multipath_hash_policy=1']);
      for (const n of [1, 2]) birds.push(bird(sideOf(n), `edge${n}`, HOST(n)));
      birds.push(bird(internet.netns, 'router', ROUTER([1, 2], internet.ips)));
    });
    afterAll(async () => {
      for (const each of birds) await each.end();
      await world?.close();
      await lab?.close();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    it('reach the router by way of each edge, and leave with the address', async () => {
      for (const n of [1, 2, 3]) for (const vip of vipsOf(n)) await waysBecome(vip, ['1', '2']);
      for (const n of [1, 2, 3]) for (const vip of vipsOf(n)) await answered(vip);
      // A route of somebody else is told to nobody.
      await must(sideOf(1), ['ip', 'route', 'add', 'unreachable', '203.0.113.9']);
      const [three] = nics.slice(2) as [LabNic];
      world.virtualIp(vipsOf(3)[0]!, undefined);
      await world.apply();
      await waysBecome(vipsOf(3)[0]!, []);
      expect([await waysTo(vipsOf(3)[1]!), await waysTo('203.0.113.9')]).toEqual([['1', '2'], []]);
      world.virtualIp(vipsOf(3)[0]!, three);
      await world.apply();
      await waysBecome(vipsOf(3)[0]!, ['1', '2']);
    });

    it('lead past a host that dies within the hold time: what lived elsewhere goes on, and what lived there is gone', async () => {
      const [h1, two] = [lab.hosts[0]!, nics[1]!];
      /** A port from which the router sends by this edge, as it says itself. */
      const portBy = async (edge: string, to: string, toPort: number): Promise<number> => {
        const first = 40_000 + 100 * probes.length;
        for (let port = first; port < first + 100; port++) {
          const flow = ['ipproto', 'udp', 'sport', String(port), 'dport', String(toPort)];
          if (new RegExp(`via \\S+[.:]${edge} `).test(await must(internet.netns, ['ip', 'route', 'get', to, ...flow]))) return port;
        }
        throw new Error(`no flow to ${to} goes by ${edge}`);
      };
      const probes: (readonly [edge: string, probe: Probe])[] = [];
      for (const [at, vip] of vipsOf(2).entries()) {
        await waysBecome(vip, ['1', '2']);
        for (const edge of ['1', '2']) {
          const port = 9_000 + probes.length;
          const ownPort = await portBy(edge, vip, port);
          const options = { at: two.ips[at]!, answered: true, ownPort, port };
          probes.push([edge, await Probe.start(internet.netns, two.netns, vip, options)]);
        }
      }
      // Its links first: a kernel would tell of the end of its BGP.
      await must(h1.netns, ['ip', '-batch', '-'], 'link set und0 down\nlink set up0 down\n');
      process.kill(birds[0]!.pid, 'SIGKILL');
      await world.drivers.get(h1)!.close();
      for (const vip of [...vipsOf(2), ...vipsOf(3)]) await waysBecome(vip, ['2']);
      // Not by the clock of this test, which may have to wait for its turn: the router says what it was.
      const expired = (protocol: string) => birds[2]!.lines.some((line) => line.endsWith(`${protocol}: Error: Hold timer expired`));
      await until('the router to say why', () => ['h1v4', 'h1v6'].every(expired));
      expect(['h2v4', 'h2v6'].filter(expired)).toEqual([]);
      for (const [edge, probe] of probes) {
        const result = await probe.stop();
        if (edge === '2') expect([edge, result]).toMatchObject([edge, { lost: 0, doubled: 0, reordered: 0 }]);
        else expect([edge, result.lost > 0, result.doubled]).toEqual([edge, true, 0]);
      }
      // A host that is no edge, and sent by the one that died, is told of it: as when its agent is missed (ADR 69).
      world.table(edgesTable).delete(h1.name);
      await world.apply(lab.hosts.slice(1));
      for (const vip of [...vipsOf(2), ...vipsOf(3)]) await answered(vip);
      for (const vip of vipsOf(1)) expect((await lab.ping(internet.netns, vip, { waitMs: 200 })).received).toBe(0);
    });
  });
