/** Public addresses, told to an edge router by BIRD with the configuration that we give away (deploy/bgp/bird.conf), between namespaces. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Inside, must, Netlab, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { ENTRY_PROTOCOL } from './objects/names.ts';

const unfit = whyNoNetlab() ?? whyNoBird();
const CONFIGURATION = fileURLToPath(new URL('../../../deploy/bgp/bird.conf', import.meta.url));
const ADDRESSES = ['203.0.113.5/32', '2001:db8:5::5/128'] as const;
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

/** An edge router that spreads flows over all hosts which announce an address. */
const ROUTER = (hosts: readonly number[]): string => `
  router id 192.0.2.1;
  protocol device {}
  protocol kernel k4 { merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }
  protocol kernel k6 { merge paths on; ipv6 { import none; export where source = RTS_BGP; }; }
  template bgp host { hold time ${HOLD_S}; connect delay time 1; connect retry time 1; error wait time 1, 2; }
  ${hosts
    .map(
      (n) => `
  protocol bgp h${n}v4 from host { local 192.0.2.1 as 64500; neighbor 192.0.2.1${n} as 64512; ipv4 { import all; export none; }; }
  protocol bgp h${n}v6 from host { local 2001:db8::1 as 64500; neighbor 2001:db8::1${n} as 64512; ipv6 { import all; export none; }; }`,
    )
    .join('')}`;

const HOST = (n: number): string => `
  router id 192.0.2.1${n};
  include "${CONFIGURATION}";
  protocol bgp router1 from weft_router4 { local 192.0.2.1${n} as 64512; neighbor 192.0.2.1 as 64500; }
  protocol bgp router1v6 from weft_router6 { local 2001:db8::1${n} as 64512; neighbor 2001:db8::1 as 64500; }`;

if (unfit !== undefined) it.skip(`Public routes, announced by BIRD (${unfit})`, () => {});
else
  describe('Public routes, announced by BIRD', () => {
    let lab: Netlab;
    let folder: string;
    let router: string;
    const hosts: { netns: string; bird: Inside }[] = [];

    const bird = (netns: string, name: string, text: string): Inside => {
      const file = join(folder, `${name}.conf`);
      writeFileSync(file, text);
      return new Inside(netns, ['bird', '-f', '-c', file, '-s', join(folder, `${name}.ctl`)]);
    };
    /** By which hosts the router sends to an address, as the last digits of their addresses. */
    const waysTo = async (address: string): Promise<readonly string[]> => {
      const text = await must(router, ['ip', address.includes(':') ? '-6' : '-4', 'route', 'show', address]);
      return [...text.matchAll(/via \S+1(\d) /g)].map(([, n]) => n as string).sort();
    };
    const waysBecome = (address: string, wanted: readonly string[], limitMs?: number): Promise<unknown> =>
      until(
        `the router sends ${address} to ${wanted.join() || 'nobody'}`,
        async () => (await waysTo(address)).join() === wanted.join(),
        limitMs,
      );
    /** As the driver writes it on the public side of an edge. */
    const serve = (host: number, verb: 'replace' | 'del', address: string): Promise<unknown> => {
      const hop = `via ${address.includes(':') ? '' : 'inet6 '}fe80::1:0 dev vx onlink`.split(' ');
      return must(hosts[host]!.netns, ['ip', 'route', verb, address, ...(verb === 'del' ? [] : hop), 'proto', String(ENTRY_PROTOCOL)]);
    };

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 1 });
      folder = mkdtempSync(join(tmpdir(), 'weft-bird-'));
      router = await lab.namespace('router');
      await must(
        router,
        ['ip', '-batch', '-'],
        'link add br0 type bridge forward_delay 0 mcast_snooping 0\nlink set br0 up\naddr add 192.0.2.1/24 dev br0\naddr add 2001:db8::1/64 dev br0 nodad',
      );
      for (const n of [1, 2]) {
        const netns = await lab.namespace(`edge${n}`);
        await must(
          router,
          ['ip', '-batch', '-'],
          `link add h${n} type veth peer name uplink netns ${netns}\nlink set h${n} master br0\nlink set h${n} up`,
        );
        await must(
          netns,
          ['ip', '-batch', '-'],
          `link set lo up\nlink add vx type veth peer name end\nlink set vx up\nlink set end up\nlink set uplink up\naddr add 192.0.2.1${n}/24 dev uplink\naddr add 2001:db8::1${n}/64 dev uplink nodad`,
        );
        hosts.push({ netns, bird: bird(netns, `edge${n}`, HOST(n)) });
      }
      const routing = bird(router, 'router', ROUTER([1, 2]));
      await until(
        () => `BIRD of the router runs: ${routing.lines.join(' | ')}`,
        () => must(router, ['ip', 'route']).then(() => routing.pid > 0),
      );
    });
    afterAll(async () => {
      await lab?.close();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    });

    it('reach the router by way of each host that serves the address, and leave with the address and with the host', async () => {
      for (const address of ADDRESSES) await Promise.all([serve(0, 'replace', address), serve(1, 'replace', address)]);
      for (const address of ADDRESSES) await waysBecome(address, ['1', '2']);
      // A route of somebody else is told to nobody.
      await must(hosts[0]!.netns, ['ip', 'route', 'add', 'unreachable', '203.0.113.9']);
      await serve(0, 'del', ADDRESSES[0]);
      await waysBecome(ADDRESSES[0], ['2']);
      expect(await waysTo(ADDRESSES[1])).toEqual(['1', '2']);
      expect(await waysTo('203.0.113.9')).toEqual([]);
      process.kill(hosts[1]!.bird.pid, 'SIGSTOP'); // A host that dies says nothing.
      await waysBecome(ADDRESSES[0], []);
      await waysBecome(ADDRESSES[1], ['1']);
      process.kill(hosts[1]!.bird.pid, 'SIGCONT');
      for (const address of ADDRESSES) await waysBecome(address, address === ADDRESSES[0] ? ['2'] : ['1', '2']);
    });
  });
