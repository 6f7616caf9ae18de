/** A staged policy from its manifest to its promotion, through every door, with an agent whose kernel is simulated: no packets come by, so the test counts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';

type Condition = Readonly<{ type: string; status: string; reason: string; message: string }>;
const POLICY = `${NETWORKING}/networkpolicies/closed`;

describe('weft staged', () => {
  let fabric: Fabric;
  let directory: string;
  let counts: Map<string, number>;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-staged-'));
    fabric = await startFabric();
    const { kernel } = await fabric.startAgent('a', '2001:db8::1');
    counts = kernel.counted;
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' }, spec: {} });
    await fabric.attach('net', 'web', 'a', '10.0.0.1');
    await fabric.attach('net', 'db', 'a', '10.0.0.9');
    await fabric.create(`${NETWORKING}/networkpolicies`, {
      metadata: { name: 'closed', annotations: { 'fabric.weft.dev/staged': 'true' } },
      spec: {
        networkRef: { name: 'net' },
        networkInterfaceSelector: { matchLabels: { app: 'db' } },
        ingress: [{ ports: [{ port: 5432 }] }],
      },
    });
    await fabric.once(
      '/weft/v1/staged',
      ({ policies }) => (policies as unknown as { interfaces: number }[] | undefined)?.[0]?.interfaces === 1,
    );
    const element = [...kernel.objects.keys()].find((key) => key.includes('/policy_staged_ingress/')) ?? '';
    counts.set(element, 12);
    await fabric.once('/weft/v1/staged', ({ policies }) => (policies as unknown as { refused: number }[])[0]?.refused === 12);
  });
  afterAll(async () => {
    await fabric.stop();
    rmSync(directory, { recursive: true });
  });

  const object = async (): Promise<{ status: { conditions: Condition[] } }> =>
    (await (await fetch(fabric.url + POLICY)).json()) as { status: { conditions: Condition[] } };
  const conditionOf = async (type: string) => (await object()).status.conditions.find((each) => each.type === type);

  it('tells what hosts have counted, by interface', async () => {
    const { code, said } = await fabric.weft('staged', 'default/closed');
    expect(code).toBe(0);
    expect(
      said
        .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
        .trimEnd()
        .split('\n'),
    ).toEqual([
      'networkpolicy/default/closed of network net: would have refused 12 packets (egress 0, ingress 12) at 1 interface',
      '  a: 12 packets at 1 interface, as of <time>; its dataplane is simulated, so no packets come by',
      '  nic/default/db on a: 12 packets, ingress',
    ]);
  });

  it('is shown to who reads the policy, and in the figures', async () => {
    const message = 'would have refused 12 packets (egress 0, ingress 12; interfaces 1, hosts 1)';
    expect(await conditionOf('Staged')).toMatchObject({ status: 'True', reason: 'Counted', message });
    expect(await conditionOf('Enforced')).toMatchObject({ status: 'False', reason: 'Staged' });
    const { status, ...rest } = (await object()) as { status: { conditions: Condition[] }; metadata: object };
    const put = await fetch(`${fabric.url}${POLICY}/status`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...rest, status }),
    });
    expect((((await put.json()) as typeof rest & { status: typeof status }).status.conditions ?? []).map(({ type }) => type)).not.toContain(
      'Staged',
    );
    const figures = await (await fetch(`${fabric.url}/metrics`)).text();
    expect(figures).toContain('weft_staged_refused_packets{namespace="default",policy="closed",direction="ingress"} 12');
  });

  it('is named by a trace, which passes', async () => {
    const { code, said } = await fabric.weft('trace', 'nic/web', 'tcp', 'nic/db:22');
    expect(code).toBe(0);
    expect(said).toMatch(/policy ingress: no policy restricts what it may receive, but staged policy default\/closed would refuse this/);
    expect(said).toMatch(/rule 1 of default\/closed: port 22 is none of its ports \(TCP 5432\)/);
    expect((await fabric.weft('trace', 'nic/web', 'tcp', 'nic/db:5432')).said).not.toMatch(/staged/);
  });

  it('is promoted by a plan, which tells who would not reach whom any more', async () => {
    const out = join(directory, 'promotion.plan');
    const { code, said } = await fabric.weft('plan', '--promote', 'networkpolicy/default/closed', '--out', out);
    expect(code).toBe(1);
    expect(said).toMatch(/- metadata\.annotations\.fabric\.weft\.dev\/staged|- metadata\.annotations/);
    expect(said).toMatch(/- nic\/default\/web would not reach nic\/default\/db on TCP 1-5431, TCP 5433-65535, UDP, ICMP \(PolicyIngress\)/);
    expect((await fabric.weft('staged', 'closed')).code).toBe(0);
    expect((await fabric.weft('apply', '--plan', out)).code).toBe(0);
    expect((await fabric.weft('trace', 'nic/web', 'tcp', 'nic/db:22')).code).toBe(1);
    expect((await fabric.weft('staged')).said).toMatch('no policy is staged');
    const { complained } = await fabric.weft('staged', 'closed');
    expect(complained).toMatch(/NetworkPolicy default\/closed is not staged/);
    expect(await conditionOf('Staged')).toBeUndefined();
  });
});
