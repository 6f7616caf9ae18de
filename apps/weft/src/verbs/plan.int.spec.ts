/** `weft plan` and `weft apply` against a gateway that has the log of a small fabric, and the hosts of it without agents. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';

const FABRIC = '/apis/fabric.weft.dev/v1alpha1';
const COMPUTE = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default';
const GROUP = 'networking.ironcore.dev/v1alpha1';

type Plan = Readonly<{
  verdict: string;
  commands: readonly Readonly<{ outcome: string; message?: string }>[];
  resources: readonly Readonly<{ kind: string; name: string; change: string; commands: readonly number[]; loops: readonly string[] }>[];
  tables: readonly Readonly<{ table: string; rows: readonly Readonly<{ key: string; change: string }>[] }>[];
  hosts: readonly object[];
  reach: readonly Readonly<{
    verdict: string;
    reason?: string;
    from: Readonly<{ names: readonly string[] }>;
    to: Readonly<{ names: readonly string[] }>;
    ports: readonly object[];
    example: Readonly<{ from: string; protocol: string; to: string }>;
  }>[];
  flows: readonly string[];
}>;

describe('weft plan', () => {
  let fabric: Fabric;
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-plan-'));
    fabric = await startFabric([], { keepsPlansReady: true });
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' }, spec: {} });
    for (const [i, host] of ['a', 'b'].entries()) {
      await fabric.create(`${FABRIC}/hosts`, { metadata: { name: host }, spec: { underlay: { ip: `2001:db8::${i + 1}` } } });
    }
    await fabric.attach('net', 'web', 'a', '10.0.0.1');
    await fabric.attach('net', 'db', 'b', '10.0.0.9');
    await fabric.once('/weft/v1/trace?from=nic/web&to=10.0.0.9:22', ({ verdict }) => verdict === 'delivered');
    await fabric.once('/weft/v1/trace?from=nic/db&to=10.0.0.1:22', ({ verdict }) => verdict === 'delivered');
    // Reports of Machines come last.
    const isReported = ({ status }: { status?: { networkInterfaces?: { networkInterfaceRef?: unknown }[] } }) =>
      status?.networkInterfaces?.[0]?.networkInterfaceRef !== undefined;
    for (const name of ['web', 'db']) await fabric.once(`${COMPUTE}/machines/${name}`, isReported);
  });
  afterAll(async () => {
    await fabric.stop();
    rmSync(directory, { recursive: true });
  });

  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const policy = (port: number, name = 'db') => `apiVersion: ${GROUP}
kind: NetworkPolicy
metadata: {name: ${name}}
spec:
  networkRef: {name: net}
  networkInterfaceSelector: {matchLabels: {app: db}}
  ingress: [{ports: [{port: ${port}}]}]
`;
  const planned = async (...words: string[]): Promise<Plan & { code: number }> => {
    const { code, said, complained } = await fabric.weft('plan', ...words, '-o', 'json');
    expect(complained).toBe('');
    return { ...(JSON.parse(said) as Plan), code };
  };
  const dropped = async (to: string) => (await fabric.weft('trace', 'nic/default/web', 'tcp', to)).code === 1;

  it('tells of an Event that a client tells that it would be recorded, and of no resource', async () => {
    const event = `apiVersion: v1
kind: Event
metadata: {name: told, namespace: default}
involvedObject: {apiVersion: ${GROUP}, kind: NetworkInterface, name: web, namespace: default}
reason: Told
message: somebody says so
type: Normal
`;
    const before = await fabric.store.head();
    const { code, verdict, commands, resources } = await planned('-f', file('event.yaml', event));
    expect([code, verdict, commands.map(({ outcome }) => outcome), resources]).toEqual([1, 'change', ['created'], []]);
    expect(await fabric.store.head()).toBe(before);
  });

  it('tells what follows from a policy, on which hosts, and writes nothing', async () => {
    const before = await fabric.store.head();
    const { code, verdict, commands, resources, tables, hosts, reach, flows } = await planned('-f', file('policy.yaml', policy(5432)));
    expect([code, verdict, commands.map(({ outcome }) => outcome)]).toEqual([1, 'change', ['created']]);
    expect(resources.map(({ kind, change, commands: by, loops }) => ({ kind, change, by, isLoop: loops.length > 0 }))).toEqual([
      { kind: 'NetworkPolicy', change: 'created', by: [0], isLoop: true },
      { kind: 'NetworkPolicyRule', change: 'created', by: [0], isLoop: true },
    ]);
    expect(tables.map(({ table, rows }) => [table, rows.map(({ change }) => change)])).toEqual([['policies.200', ['changed', 'added']]]);
    expect(hosts).toEqual([
      { host: 'a', added: 1, changed: 1, removed: 0 },
      { host: 'b', added: 1, changed: 1, removed: 0 },
    ]);
    expect(reach).toEqual([
      {
        verdict: 'dropped',
        reason: 'PolicyIngress',
        from: { what: 'interfaces', network: 'default/net', name: 'default/web', count: 1, names: ['default/web'], labels: { app: 'web' } },
        to: { what: 'interfaces', network: 'default/net', name: 'default/db', count: 1, names: ['default/db'], labels: { app: 'db' } },
        ports: [
          { protocol: 'TCP', first: 1, last: 5431 },
          { protocol: 'TCP', first: 5433, last: 65535 },
          { protocol: 'UDP' },
          { protocol: 'ICMP' },
        ],
        example: { from: 'nic/default/web', protocol: 'tcp', to: '10.0.0.9:1' },
      },
    ]);
    expect(flows).toEqual(['flows that policies would refuse: see who would not reach whom any more']);
    expect([await fabric.store.head(), await dropped('10.0.0.9:22')]).toEqual([before, false]);
    const { said } = await fabric.weft('plan', '-f', join(directory, 'policy.yaml'));
    expect(said).toContain('+ networkpolicy/default/db created');
    expect(said).toContain('- nic/default/web would not reach nic/default/db on TCP 1-5431, TCP 5433-65535, UDP, ICMP (PolicyIngress)');
    expect(said).toContain('weft trace nic/default/web tcp 10.0.0.9:1');
    expect(said).toContain('hosts: a (2 rows), b (2 rows)');
  });

  it('is carried out as it was told, and then changes nothing', async () => {
    const manifest = file('policy.yaml', policy(5432));
    const out = join(directory, 'policy.plan');
    const { resources, reach } = await planned('-f', manifest, '--out', out);
    expect(await fabric.weft('apply', '--plan', out)).toMatchObject({ code: 0, said: 'networkpolicy/default/db done' });
    await fabric.once('/weft/v1/trace?from=nic/web&to=10.0.0.9:22', ({ verdict }) => verdict === 'dropped');
    expect(await dropped('10.0.0.9:5432')).toBe(false);
    for (const { example, verdict } of reach) {
      const { code } = await fabric.weft('trace', example.from, example.protocol, example.to);
      expect([example, code]).toEqual([example, verdict === 'dropped' ? 1 : 0]);
    }
    // What loops do about it may still be on its way.
    await fabric.once(`${NETWORKING}/networkpolicyrules/db`, ({ kind }) => kind === 'NetworkPolicyRule');
    expect(resources.some(({ kind }) => kind === 'NetworkPolicyRule')).toBe(true);
    expect(await planned('-f', manifest)).toMatchObject({ code: 0, verdict: 'none', resources: [], tables: [] });
    expect(await fabric.weft('apply', '--plan', out)).toMatchObject({
      code: 1,
      complained: expect.stringContaining('All is as it says already.'),
    });
  });

  it('is not carried out once something else would come of it', async () => {
    const out = join(directory, 'other.plan');
    await planned('-f', file('other.yaml', policy(443, 'more')), '--out', out);
    await fabric.create(`${NETWORKING}/networkinterfaces`, {
      metadata: { name: 'late', labels: { app: 'db' } },
      spec: { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.7' }] },
    });
    const head = await fabric.store.head();
    const { code, complained } = await fabric.weft('apply', '--plan', out);
    expect([code, complained]).toEqual([1, expect.stringContaining('the plan would do something else by now')]);
    await fabric.once(`${NETWORKING}/networkpolicies/more`, (status) => (status['code'] as unknown) === 404);
    expect(head).toBeLessThanOrEqual(await fabric.store.head());
  });

  it('says of fields that another manager holds how to take them over', async () => {
    const labelled = (tier: string) => ({
      apiVersion: GROUP,
      kind: 'NetworkInterface',
      metadata: { name: 'web', namespace: 'default', labels: { tier } },
    });
    const path = `${NETWORKING}/networkinterfaces/web`;
    const patched = await fetch(`${fabric.url}${path}?fieldManager=kubectl-client-side-apply`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ metadata: { labels: { tier: 'front' } } }),
    });
    expect(patched.status).toBe(200);
    const manifest = file('tier.json', JSON.stringify(labelled('back')));
    const { code, said } = await fabric.weft('plan', '-f', manifest);
    expect(code).toBe(2);
    expect(said).toMatch(
      /refused: .*conflict with "kubectl-client-side-apply" using \S+: \.metadata\.labels\.tier\n {2}other managers hold .*: --force takes them over; or leave them out/,
    );
    expect(await fabric.weft('plan', '-f', manifest, '--force')).toMatchObject({ code: 1, said: expect.not.stringContaining('--force') });
    expect((await fabric.weft('plan', '-f', file('same.json', JSON.stringify(labelled('front'))))).code).not.toBe(2);
  });

  it('says what is refused, of a deletion too, and of a dry run', async () => {
    const twice = `apiVersion: ${GROUP}
kind: NetworkInterface
metadata: {name: second}
spec: {networkRef: {name: net}, ipFamilies: [IPv4], ips: [{value: 10.0.0.9}]}
`;
    const refused = await planned('-f', file('twice.yaml', twice));
    expect([refused.code, refused.verdict, refused.commands[0]?.message]).toEqual([
      2,
      'refused',
      expect.stringContaining('held by NetworkInterface "db"'),
    ]);
    const gone = await planned(
      '--delete',
      '-f',
      file('gone.yaml', `apiVersion: ${GROUP}\nkind: NetworkInterface\nmetadata: {name: web}\n`),
    );
    expect(gone.verdict).toBe('change');
    expect(gone.tables.map(({ table, rows }) => [table, rows.map(({ change }) => change).join()])).toContainEqual([
      'endpoints.200',
      'removed',
    ]);
    expect(gone.flows).toEqual(['all flows of nic/default/web']);
    const url = `${fabric.url}${NETWORKING}/networkinterfaces/web?dryRun=All&plan=true`;
    const answer = (await (await fetch(url, { method: 'DELETE' })).json()) as Plan;
    expect(answer.tables).toEqual(gone.tables);
    expect((await fetch(`${fabric.url}${NETWORKING}/networkinterfaces/web?plan=true`, { method: 'DELETE' })).status).toBe(400);
    expect(await fabric.weft('plan', '-f', file('none.yaml', 'kind: Nothing\napiVersion: v1\nmetadata: {name: x}'))).toMatchObject({
      code: 2,
      complained: expect.stringContaining('there is no kind "Nothing" in version "v1"'),
    });
  });
});
