import { spawn } from 'node:child_process';
import { appendFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../waiting.ts';
import { checkConnectivity } from './connectivity.ts';
import { Inside } from './inside.ts';
import { KernelWatch } from './kernel-watch.ts';
import { Netlab, namespaces } from './netlab.ts';
import { sweep } from './ownership.ts';
import { Probe } from './probe.ts';
import { must, whyNoNetlab } from './run.ts';

const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;

describeHere(`The network lab${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  it('connects its hosts, on either family, and leaves nothing', async () => {
    for (const family of ['v6', 'v4'] as const) {
      const lab = await Netlab.create({ hosts: 2, family });
      const [a, b] = lab.hosts as [(typeof lab.hosts)[0], (typeof lab.hosts)[0]];
      expect(await lab.ping(a.netns, b.underlay, { count: 2 })).toMatchObject({ sent: 2, received: 2 });
      await lab.echo(b.netns, b.underlay, 7_000);
      await lab.call(a.netns, b.underlay, 7_000);
      await lab.close();
      expect(namespaces().filter((name) => name === a.netns || name === b.netns)).toEqual([]);
    }
  });

  it('counts what a probe loses', async () => {
    const lab = await Netlab.create({ hosts: 2 });
    const [a, b] = lab.hosts as [(typeof lab.hosts)[0], (typeof lab.hosts)[0]];
    const probe = await Probe.start(a.netns, b.netns, b.underlay);
    await must(b.netns, [
      'nft',
      'add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c udp dport 9000 counter drop',
    ]);
    const dropped = () => lab.counted(b.netns, 't', 'c');
    await until('nothing is dropped', async () => (await dropped()) > 20);
    await must(b.netns, ['nft', 'flush', 'chain', 'inet', 't', 'c']);
    const result = await probe.stop();
    expect(result.lost).toBeGreaterThan(20);
    expect(result).toMatchObject({ doubled: 0, reordered: 0 });
    // A socket that was full makes gaps of its own.
    expect(result.gaps.reduce((sum, { lost }) => sum + lost, 0)).toBe(result.lost + result.overflowed);
    const gap = result.gaps.reduce((one, other) => (other.lost > one.lost ? other : one));
    expect(gap.last - gap.first + 1).toBe(gap.lost);
    expect(gap.lost).toBeGreaterThan(20);
    expect(gap.ms).toBeGreaterThan(0);
    await lab.close();
  });

  it('reports what a program writes, and not what the kernel learns by itself', async () => {
    const lab = await Netlab.create({ hosts: 2 });
    const [a, b] = lab.hosts as [(typeof lab.hosts)[0], (typeof lab.hosts)[0]];
    const watch = await KernelWatch.start([a.netns]);
    await lab.ping(a.netns, b.underlay); // Learns the neighbour.
    await must(a.netns, ['ip', 'neigh', 'add', 'fd00:77::9', 'lladdr', '02:00:00:00:00:09', 'dev', 'und0', 'nud', 'permanent']);
    expect(await watch.stop()).toEqual([expect.stringMatching(`${a.netns} ip: .*fd00:77::9 dev und0 .* PERMANENT`)]);
    await lab.close();
  });

  it('prints expected beside actual when they differ', async () => {
    const lab = await Netlab.create({ hosts: 2 });
    const [a, b] = lab.hosts.map((host) => ({ name: host.name, netns: host.netns, network: 1, ips: [host.underlay] })) as [never, never];
    await checkConnectivity(lab, [{ from: a, to: b, reach: true }]);
    await expect(checkConnectivity(lab, [{ from: a, to: b, reach: false }])).rejects.toThrow(
      /-> h1 to h2 fd00:77::2: expected none, actual an answer/,
    );
    await expect(checkConnectivity(lab, [{ from: a, to: b, reach: false }])).rejects.toThrow(/ip -6 route show/);
    await lab.close();
  });

  it('ends what still runs inside when it is closed', async () => {
    const lab = await Netlab.create({ hosts: 1 });
    const left = new Inside(lab.hosts[0]!.netns, ['cat']);
    await lab.close();
    expect(existsSync(`/proc/${left.pid}`)).toBe(false);
  });

  it('is removed when its process is killed, and with it all processes of its group', async () => {
    const script = `
      const { Netlab } = await import(${JSON.stringify(new URL('./netlab.ts', import.meta.url).href)});
      const lab = await Netlab.create({ hosts: 1 });
      process.stdout.write(lab.hosts[0].netns + '\\n');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const netns = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text).trim())));
    expect(namespaces()).toContain(netns);
    process.kill(-(child.pid as number), 'SIGKILL');
    await until(
      () => `left behind: ${namespaces().join(', ')}`,
      () => !namespaces().some((name) => name.startsWith(netns.replace(/-h1$/, ''))),
    );
  });

  it('removes what a dead process left, and nothing of a living one', async () => {
    const lab = await Netlab.create({ hosts: 1 });
    const orphan = await lab.namespace('orphan');
    const left = join(tmpdir(), 'weft-netlab', '4194305-1'); // No process has this pid: it is above the kernel's maximum.
    appendFileSync(left, `${orphan}\n`);
    sweep();
    expect([namespaces().includes(orphan), namespaces().includes(lab.hosts[0]!.netns), existsSync(left)]).toEqual([false, true, false]);
    await lab.close();
  });
});
