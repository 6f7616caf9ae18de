/** Who should reach whom, checked with pings, expected beside actual; what the kernel holds is told when they differ. */
import { type Netlab, namespaces } from './netlab.ts';
import { run } from './run.ts';

export type Guest = Readonly<{ name: string; netns: string; ips: readonly string[] }>;
export type Expectation = Readonly<{ from: Guest; to: Guest; reach: boolean }>;

/** How long something that should work may take to do so. */
const LIMIT_MS = 3_000;

/** Every ordered pair; `reach` tells which should work. */
export function everyPair(guests: readonly Guest[], reach: (from: Guest, to: Guest) => boolean): readonly Expectation[] {
  return guests.flatMap((from) => guests.filter((to) => to !== from).map((to) => ({ from, to, reach: reach(from, to) })));
}

type Outcome = Readonly<{ expectation: Expectation; ip: string; actual: boolean; text: string }>;

/**
 * Checks each address of each pair. What should reach is tried until it does; what should not, once, and the target must not have seen a packet
 * (an answer may be lost for other reasons). Rejects with the whole table and with routes, rules, neighbours and tunnel entries.
 */
export async function checkConnectivity(lab: Netlab, expectations: readonly Expectation[]): Promise<void> {
  const outcomes: Outcome[] = [];
  for (const expectation of expectations) {
    for (const ip of expectation.to.ips) outcomes.push(await tried(lab, expectation, ip));
  }
  const wrong = outcomes.filter(({ expectation, actual }) => expectation.reach !== actual);
  if (wrong.length === 0) return;
  const table = outcomes.map(
    ({ expectation: { from, to, reach }, ip, actual }) =>
      `${reach === actual ? '  ' : '->'} ${from.name} to ${to.name} ${ip}: expected ${word(reach)}, actual ${word(actual)}`,
  );
  const involved = new Set(wrong.flatMap(({ expectation: { from, to } }) => [from.netns, to.netns]));
  throw new Error([...table, ...wrong.map(({ text }) => text), await diagnosis([...involved, ...lab.routers()])].join('\n'));
}

const word = (reach: boolean): string => (reach ? 'an answer' : 'none');

async function tried(lab: Netlab, expectation: Expectation, ip: string): Promise<Outcome> {
  const { from, to, reach } = expectation;
  if (!reach) {
    const before = await lab.received(to.netns);
    const { received, text } = await lab.ping(from.netns, ip, { count: 2, waitMs: 100 });
    const seen = (await lab.received(to.netns)) - before;
    return { expectation, ip, actual: received > 0 || seen > 0, text: `${text}\n${to.name} saw ${seen} packets` };
  }
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const { received, text } = await lab.ping(from.netns, ip, { waitMs: 300 });
    if (received > 0 || performance.now() > deadline) return { expectation, ip, actual: received > 0, text };
  }
}

/** What these namespaces hold, for people. */
export async function diagnosis(netns: readonly string[]): Promise<string> {
  const commands = [
    'ip -d addr show',
    'ip -4 route show',
    'ip -6 route show',
    'ip neigh show',
    'bridge fdb show',
    'nft list ruleset',
    'conntrack -L',
  ];
  const parts: string[] = [];
  for (const each of netns.filter((name) => namespaces().includes(name))) {
    for (const command of commands) {
      const { stdout, stderr } = await run(each, command.split(' '));
      parts.push(`--- ${each}: ${command}\n${stdout}${stderr}`);
    }
  }
  return parts.join('\n');
}
