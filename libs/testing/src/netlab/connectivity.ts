/** Checks with pings which guests reach each other. When that differs from the expectation, it prints both, and what the kernel holds. */
import { type Netlab, namespaces } from './netlab.ts';
import { run } from './run.ts';

/** Guests of one `network` may share no address; those of two networks may. */
export type Guest = Readonly<{ name: string; netns: string; network: string | number; ips: readonly string[] }>;
export type Expectation = Readonly<{ from: Guest; to: Guest; reach: boolean }>;

/** How long a ping that should work is repeated. */
const LIMIT_MS = 10_000;

/** An expectation for every ordered pair. `reach`: whether the first reaches the second; by default within a network. */
export function everyPair(
  guests: readonly Guest[],
  reach: (from: Guest, to: Guest) => boolean = (from, to) => from.network === to.network,
): readonly Expectation[] {
  return guests.flatMap((from) => guests.filter((to) => to !== from).map((to) => ({ from, to, reach: reach(from, to) })));
}

type Outcome = Readonly<{ expectation: Expectation; ip: string; actual: boolean; text: string }>;

/**
 * Checks each address of each pair. A ping that should arrive is repeated until it does. One that should not is sent once: the target must not receive
 * it (a missing answer alone may have other reasons), and no answer may come unless the sender's own network has that address too. Rejects with the
 * whole table and with routes, rules, neighbours and tunnel entries.
 */
export async function checkConnectivity(lab: Netlab, expectations: readonly Expectation[]): Promise<void> {
  const outcomes: Outcome[] = [];
  const guests = new Set(expectations.flatMap(({ from, to }) => [from, to]));
  for (const expectation of expectations) {
    for (const ip of expectation.to.ips) {
      const shared = [...guests].some((each) => each.network === expectation.from.network && each.ips.includes(ip));
      outcomes.push(await tried(lab, expectation, ip, shared));
    }
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

async function tried(lab: Netlab, expectation: Expectation, ip: string, shared: boolean): Promise<Outcome> {
  const { from, to, reach } = expectation;
  if (!reach) {
    const before = await lab.pinged(to.netns);
    const { received, text } = await lab.ping(from.netns, ip, { count: 2, waitMs: 60 });
    const seen = (await lab.pinged(to.netns)) - before;
    return { expectation, ip, actual: seen > 0 || (received > 0 && !shared), text: `${text}\n${to.name} saw ${seen} pings` };
  }
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const { received, text } = await lab.ping(from.netns, ip, { waitMs: 300 });
    if (received > 0 || performance.now() > deadline) return { expectation, ip, actual: received > 0, text };
  }
}

/** What these namespaces hold, for people. */
async function diagnosis(netns: readonly string[]): Promise<string> {
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
