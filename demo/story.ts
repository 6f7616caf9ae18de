/**
 * The two-tier application of two-tier.yaml on three hosts: what the internet, the servers and the peered network reach of each other; then changes
 * under traffic.
 */
import { join } from 'node:path';
import { until } from '@weft/testing/waiting';
import { BALANCERS, call, create, GATEWAYS, type Manifest, manifestsOf, NICS, POLICIES, VIRTUAL_IPS } from './api.ts';
import type { Internet } from './internet.ts';
import { type DemoHost, type LabState, startServer } from './lab.ts';
import type { Guest } from './pings.ts';
import { say } from './progress.ts';
import { ask, hold, judged } from './talks.ts';

const WEB = 443;
const DATABASE = 5432;
const TRIES = 12;
/** How long each look waits for an answer, where something is awaited. */
const GLANCE_MS = 300;

export type Story = Readonly<{ http: string; internet: Internet; guests: readonly Guest[]; addresses: Readonly<Record<string, string[]>> }>;

/** Applies the application: each of its servers on a host of its own, as far as there are hosts. */
export async function applyStory(http: string, state: LabState, hosts: readonly DemoHost[]): Promise<void> {
  for (const file of ['two-tier.yaml', 'story.yaml']) {
    for (const manifest of manifestsOf(join(import.meta.dirname, file)))
      for (const each of spread(manifest, hosts)) await create(http, state, each, file);
  }
}

/** A Machine with several interfaces becomes one for each, on one host after the other. */
function spread(manifest: Manifest, hosts: readonly DemoHost[]): Manifest[] {
  const interfaces = manifest.spec?.['networkInterfaces'] as readonly { name: string }[] | undefined;
  if (manifest.kind !== 'Machine' || interfaces === undefined) return [manifest];
  return interfaces.map((each, index) => ({
    ...manifest,
    metadata: { ...manifest.metadata, name: each.name },
    spec: { ...manifest.spec, machinePoolRef: { name: hosts[index % hosts.length]?.host ?? '' }, networkInterfaces: [each] },
  }));
}

/** Public addresses by object, once all are there. */
export async function publicAddresses(http: string): Promise<Record<string, string[]>> {
  type Found = { status?: { ip?: string; ips?: readonly (string | { ip?: string })[] } };
  const of = (name: string, path: string) =>
    until(`${name} to have an address`, async () => {
      const { status } = await call<Found>(http, 'GET', path);
      const ips = [status?.ip, ...(status?.ips ?? []).map((ip) => (typeof ip === 'string' ? ip : ip.ip))].filter((ip) => ip !== undefined);
      return ips.length > 0 && ips;
    });
  return {
    'VirtualIP/default/admin': await of('VirtualIP admin', `${VIRTUAL_IPS}/admin`),
    'NATGateway/default/way-out': await of('NATGateway way-out', `${GATEWAYS}/way-out`),
    'LoadBalancer/default/web': await of('LoadBalancer web', `${BALANCERS}/web`),
  };
}

export function startServers(state: LabState, { guests, internet }: Pick<Story, 'guests' | 'internet'>): void {
  for (const { name, netns } of guests) startServer(state, name, netns, [WEB, DATABASE]);
  startServer(state, 'internet', internet.netns, [WEB]);
}

/** What each function lets through, and what is refused, by whom. The number of wrong results. */
export async function showFunctions(story: Story): Promise<number> {
  const { internet } = story;
  const [guest, address] = [guestOf(story), addressOf(story)];
  const [somebody = ''] = internet.ips;
  const [balancer, virtualIp, gateway] = [
    address('LoadBalancer/default/web'),
    address('VirtualIP/default/admin'),
    address('NATGateway/default/way-out'),
  ];
  const results: boolean[] = [];
  const asks = async (what: string, from: string, to: string, port: number, expected: string | RegExp) => {
    const [found = ''] = await ask(from, to, port);
    results.push(judged(what, found, typeof expected === 'string' ? found === expected : expected.test(found)));
  };

  await settled('the balancer to answer', internet.netns, balancer, WEB, /^web-/);
  const answers = await ask(internet.netns, balancer, WEB, TRIES);
  const share = (name: string) => answers.filter((answer) => answer.startsWith(`${name} `)).length;
  const both = share('web-1') + share('web-2') === TRIES;
  results.push(
    judged(`internet → LoadBalancer web (${balancer}:${WEB})`, `web-1 answered ${share('web-1')} times, web-2 ${share('web-2')}`, both),
  );
  await settled('the VirtualIP to answer', internet.netns, virtualIp, WEB, /^admin/);
  await asks(`internet → VirtualIP admin (${virtualIp}:${WEB})`, internet.netns, virtualIp, WEB, `admin ${somebody}`);
  await asks('admin → internet, seen with its VirtualIP', guest('admin').netns, somebody, WEB, `internet ${virtualIp}`);
  await settled('the gateway to translate', guest('web-1').netns, somebody, WEB, /^internet/);
  await asks('web-1 → internet, seen with the NAT gateway’s address', guest('web-1').netns, somebody, WEB, `internet ${gateway}`);
  await asks('web-1 → db, which the policy allows', guest('web-1').netns, '10.0.2.1', DATABASE, 'db 10.0.1.1');
  await asks('db → archive in the peered network', guest('db').netns, '10.9.0.1', WEB, 'archive 10.0.2.1');

  for (const [from, port] of [
    ['admin', DATABASE],
    ['web-1', WEB],
    ['archive', DATABASE],
  ] as const) {
    const [found = ''] = await ask(guest(from).netns, '10.0.2.1', port);
    results.push(judged(`${from} → db:${port} is refused`, found, found === 'no answer'));
    say(`        ${await refusalOf(story, `nic/default/${from}`, `10.0.2.1:${port}`)}`);
  }
  const [stray = ''] = await ask(guest('web-1').netns, '10.9.0.1', WEB);
  results.push(judged('web-1 → archive: only databases are shown to that network', stray, stray !== 'archive 10.0.1.1'));
  return results.filter((good) => !good).length;
}

/** A VirtualIP moves, a server is drained and a policy is tightened while connections talk. The number of wrong results. */
export async function showChanges(story: Story): Promise<number> {
  const { http, internet } = story;
  const [guest, address] = [guestOf(story), addressOf(story)];
  const [balancer, virtualIp] = [address('LoadBalancer/default/web'), address('VirtualIP/default/admin')];
  const results: boolean[] = [];
  const patch = (path: string, body: unknown) => call(http, 'PATCH', path, body);

  const served = await hold(internet.netns, balancer, WEB);
  const [server = ''] = served.who.split(' ');
  const other = server === 'web-1' ? 'web-2' : 'web-1';
  await patch(`${NICS}/${server}`, { metadata: { labels: { tier: 'drained' } } });
  await settled(`only ${other} to get new connections`, internet.netns, balancer, WEB, new RegExp(`^(${other} .*\\n?){${TRIES}}$`), TRIES);
  const drained = await served.end();
  const kept = drained.ended === null && drained.back === drained.sent;
  results.push(
    judged(
      `${server} is drained: new connections go to ${other}; the one it has`,
      `goes on: ${drained.back} of ${drained.sent} said`,
      kept,
    ),
  );
  await patch(`${NICS}/${server}`, { metadata: { labels: { tier: 'web' } } });

  const before = await hold(internet.netns, virtualIp, WEB);
  await patch(`${NICS}/admin`, { spec: { virtualIP: null } });
  await patch(`${NICS}/db`, { spec: { virtualIP: { virtualIPRef: { name: 'admin' } } } });
  const moved = performance.now();
  await patch(`${POLICIES}/db`, { spec: { ingress: [{ ports: [{ protocol: 'TCP', port: WEB }] }, webRule] } });
  await settled('db to answer at the VirtualIP', internet.netns, virtualIp, WEB, /^db/);
  results.push(judged('the VirtualIP moves from admin to db', `after ${Math.round(performance.now() - moved)} ms`, true));
  const cut = await before.end();
  results.push(
    judged('the former holder’s connection is cut', `${cut.back} of ${cut.sent} said`, cut.back < cut.sent || cut.ended !== null),
  );

  const running = await hold(guest('web-2').netns, '10.0.2.1', DATABASE);
  await patch(`${POLICIES}/db`, { spec: { ingress: [] } });
  await settled('db to refuse web-2', guest('web-2').netns, '10.0.2.1', DATABASE, /^no answer$/);
  const tightened = await running.end();
  results.push(
    judged(
      'the policy admits nobody now; the connection that web-2 had',
      `is cut: ${tightened.back} of ${tightened.sent} said`,
      tightened.back < tightened.sent,
    ),
  );
  say(`        ${await refusalOf(story, 'nic/default/web-2', `10.0.2.1:${DATABASE}`)}`);
  return results.filter((good) => !good).length;
}

const webRule = {
  from: [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { tier: 'web' } } }],
  ports: [{ protocol: 'TCP', port: DATABASE }],
};

const guestOf =
  ({ guests }: Story) =>
  (name: string): Guest => {
    const found = guests.find((guest) => guest.name === name);
    if (found === undefined) throw new Error(`no guest ${name}`);
    return found;
  };

const addressOf =
  ({ addresses }: Story) =>
  (object: string): string =>
    addresses[object]?.[0] ?? '';

async function settled(what: string, netns: string, address: string, port: number, expected: RegExp, times = 1): Promise<void> {
  await until(what, async () => expected.test((await ask(netns, address, port, times, GLANCE_MS)).join('\n')), 30_000, 50);
}

/** Why a packet is dropped, as the trace says it. */
async function refusalOf({ http }: Story, from: string, to: string): Promise<string> {
  type Step = Readonly<{ at: string; host: string; detail: string; refusals?: readonly string[] }>;
  type Trace = Readonly<{ reason?: string; steps: readonly Step[]; paths: readonly Readonly<{ steps: readonly Step[] }>[] }>;
  const { steps, paths, reason } = await call<Trace>(http, 'POST', '/weft/v1/trace', { from, protocol: 'tcp', to });
  const refusing = [...steps, ...(paths[0]?.steps ?? [])].findLast((step) => step.refusals !== undefined);
  return refusing === undefined ? `${reason}` : [`${refusing.host}: ${refusing.detail}`, ...(refusing.refusals ?? [])].join('; ');
}
