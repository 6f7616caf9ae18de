/**
 * The world outside: an edge router that all hosts' uplinks lead to, and behind it somebody with an address of the internet.
 *
 *   internet 198.51.100.7 ── edge router ── br0 192.0.2.1 ──┬── uplink of host-1, 192.0.2.11
 *                            203.0.113.0/24 by all three    ├── uplink of host-2, 192.0.2.12
 *                                                           └── uplink of host-3, 192.0.2.13
 */
import { type DemoHost, type LabState, plugInto, save } from './lab.ts';
import { must } from './sh.ts';

/** Public addresses that are handed out: the pool that every store begins with. */
export const PUBLIC = '203.0.113.0/24';
export const UPLINK = 'up0';
export const GATEWAY = '192.0.2.1';
const SOMEBODY = '198.51.100.7';

export type Internet = Readonly<{ netns: string; ips: readonly string[] }>;

export const uplinkAddress = (index: number): string => `192.0.2.${11 + index}`;

export async function makeInternet(state: LabState, hosts: readonly DemoHost[]): Promise<Internet> {
  const tag = `weftdemo-${process.pid}`;
  const [router, netns] = [`${tag}-edge`, `${tag}-internet`];
  state.namespaces.push(router, netns);
  save(state);
  for (const name of [router, netns]) {
    await must('ip', 'netns', 'add', name);
    await must('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }
  await must('ip', 'netns', 'exec', router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.fib_multipath_hash_policy=1');
  await must('ip', '-n', router, 'link', 'add', 'br0', 'type', 'bridge');
  await must('ip', '-n', router, 'addr', 'add', `${GATEWAY}/24`, 'dev', 'br0');
  await must('ip', '-n', router, 'link', 'set', 'br0', 'up');
  for (const host of hosts) await plugInto(router, host.host, host.netns, UPLINK, 1_500);
  const ways = hosts.flatMap((_, index) => ['nexthop', 'via', uplinkAddress(index)]);
  await must('ip', '-n', router, 'route', 'add', PUBLIC, ...ways);
  await must('ip', '-n', router, 'link', 'add', 'world', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  await must('ip', '-n', router, 'addr', 'add', '198.51.100.1/24', 'dev', 'world');
  await must('ip', '-n', router, 'link', 'set', 'world', 'up');
  await must('ip', '-n', netns, 'addr', 'add', `${SOMEBODY}/24`, 'dev', 'eth0');
  await must('ip', '-n', netns, 'link', 'set', 'eth0', 'up');
  await must('ip', '-n', netns, 'route', 'add', 'default', 'via', '198.51.100.1');
  return { netns, ips: [SOMEBODY] };
}
