/** `weft trace` against a gateway that has the log of a small fabric, and the hosts of it without agents. */
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';

const COMPUTE = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default';
const FABRIC = '/apis/fabric.weft.dev/v1alpha1';

type Told = Readonly<{
  verdict: string;
  reason?: string;
  position: string;
  steps: readonly Readonly<{
    at: string;
    host: string;
    detail: string;
    rows: readonly Readonly<{
      table: string;
      resource: object;
      event?: Readonly<{ type: string; position: string; actor: string; time: string; command?: string }>;
    }>[];
    refusals?: readonly string[];
  }>[];
  paths: readonly Readonly<{ answer?: { verdict: string } }>[];
}>;

type Blamed = Readonly<{
  position: string;
  time: string;
  before: Readonly<{ verdict: string; reason?: string }>;
  event: Readonly<{ command?: string }>;
  cause?: object;
}>;

describe('weft trace', () => {
  let fabric: Fabric;
  beforeAll(async () => {
    fabric = await startFabric();
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' }, spec: {} });
    for (const [i, host] of ['a', 'b'].entries()) {
      await fabric.create(`${FABRIC}/hosts`, { metadata: { name: host }, spec: { underlay: { ip: `2001:db8::${i + 1}` } } });
    }
    for (const [name, host, ips] of [
      ['web', 'a', ['10.0.0.1', 'fd00::1']],
      ['db', 'b', ['10.0.0.9', 'fd00::9']],
    ] as const) {
      const spec = { networkRef: { name: 'net' }, ipFamilies: ['IPv4', 'IPv6'], ips: ips.map((value) => ({ value })) };
      await fabric.create(`${NETWORKING}/networkinterfaces`, { metadata: { name, labels: { app: name } }, spec });
      const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
      await fabric.create(`${COMPUTE}/machines`, { metadata: { name }, spec: { machinePoolRef: { name: host }, networkInterfaces } });
    }
    await fabric.create(`${NETWORKING}/networkpolicies`, {
      metadata: { name: 'db' },
      spec: {
        networkRef: { name: 'net' },
        networkInterfaceSelector: { matchLabels: { app: 'db' } },
        ingress: [{ ports: [{ port: 5432 }] }],
      },
    });
    // Once the hosts hold the network.
    await fabric.once('/weft/v1/trace?from=nic/web&to=10.0.0.9:5432', ({ verdict }) => verdict === 'delivered');
    await fabric.once('/weft/v1/trace?from=nic/db&to=10.0.0.1', ({ verdict }) => verdict === 'delivered');
  });
  afterAll(() => fabric.stop());

  const traced = async (...words: string[]): Promise<Told & { code: number }> => {
    const { code, said, complained } = await fabric.weft('trace', ...words, '-o', 'json');
    expect(complained).toBe('');
    return { ...(JSON.parse(said) as Told), code };
  };

  it.each([['10.0.0.9:5432'], ['[fd00::9]:5432'], ['nic/default/db:5432'], ['nic/db:5432']])(
    'says that a packet to %s is delivered, and what each step rests on',
    async (to) => {
      const { code, verdict, steps, paths, position } = await traced('nic/default/web', 'tcp', to);
      expect([code, verdict, paths.map(({ answer }) => answer?.verdict)]).toEqual([0, 'delivered', ['delivered']]);
      expect(BigInt(position)).toBeGreaterThan(0n);
      expect(steps.map(({ at, host }) => `${at}@${host}`).join(' ')).toBe(
        'guest@a anti-spoof@a route@a policy egress@a tunnel@a guard@b reverse-path@b policy ingress@b deliver@b',
      );
      const policy = steps.find(({ at }) => at === 'policy ingress');
      expect(policy?.rows.map(({ resource }) => resource)).toEqual([
        expect.objectContaining({ kind: 'NetworkInterface', namespace: 'default', name: 'db' }),
        expect.objectContaining({ kind: 'NetworkPolicy', namespace: 'default', name: 'db' }),
      ]);
      expect(policy?.rows[1]?.event).toMatchObject({
        type: 'NetworkPolicyCreated.v1',
        command: 'create',
        time: expect.stringMatching(/^20/),
      });
      for (const { rows } of steps) for (const { event } of rows) expect(event).toBeDefined();
    },
  );

  it('says which policy refuses a packet and why, and ends with 1', async () => {
    const { code, verdict, reason, steps } = await traced('nic/default/web', 'tcp', '10.0.0.9:22');
    expect([code, verdict, reason]).toEqual([1, 'dropped', 'PolicyIngress']);
    expect(steps.at(-2)?.refusals).toEqual(['rule 1 of default/db: port 22 is none of its ports (TCP 5432)']);
    const { said } = await fabric.weft('trace', 'nic/default/web', 'tcp', '10.0.0.9:22');
    expect(said).toMatch(/^nic\/default\/web tcp 10\.0\.0\.9:22: dropped, PolicyIngress \(position \d+\)\n/);
    expect(said).toContain('b  policy ingress: policy default/db restricts what it may receive, and no rule admits this');
    expect(said).toMatch(/because of NetworkPolicy default\/db: NetworkPolicyCreated\.v1 by \S+ at 20\S+ \(position \d+\)/);
  });

  it.each([
    [
      ['nic/default/none', 'tcp', '10.0.0.9:22'],
      'nic/default/none does not exist: "weft history nic/default/none" tells if and when it did',
    ],
    [['nic/default/web', 'tcp', 'nic/default/db:22', '--at', '9'], 'nic/default/web does not exist at 9: '],
    [['nic/default/web', 'icmp', '10.0.0.9:22'], 'icmp has no ports: leave 22 away'],
    [['nic/default/web', 'icmpv6', '10.0.0.9'], 'icmpv6: 10.0.0.9 is no IPv6 address'],
    [['pod/default/web', 'tcp', '10.0.0.9:22'], '"pod" is none of nic, virtualip, loadbalancer'],
    [['nic/default/web', 'tcp', '10.0.0.900:22'], '"10.0.0.900:22" is no address'],
    [['nic/default/web', 'tcp', '10.0.0.9:70000'], 'port 70000 is not from 1 to 65535'],
    [['nic/default/web', 'igmp', '10.0.0.9'], 'protocol "igmp" is none of'],
    [['10.0.0.77', 'tcp', '10.0.0.9'], 'no interface has it; from outside it is internet:10.0.0.77'],
    [['nic/default/web', 'tcp', '10.0.0.9:1', '--hop-limit', '0'], 'hopLimit: 0 is not from 1 to 255'],
  ])('refuses %j in words', async (words, why) => {
    const { code, complained } = await fabric.weft('trace', ...words);
    expect([code, complained]).toEqual([2, expect.stringContaining(why)]);
  });

  describe('of an interface that no host has', () => {
    const machine = (name: string, host?: string) =>
      fabric.create(`${COMPUTE}/machines`, {
        metadata: { name },
        spec: {
          ...(host !== undefined && { machinePoolRef: { name: host } }),
          networkInterfaces: [{ name: 'one', networkInterfaceRef: { name } }],
        },
      });
    const nic = (name: string, value: string, network = 'net') =>
      fabric.create(`${NETWORKING}/networkinterfaces`, {
        metadata: { name },
        spec: { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value }] },
      });
    const says = async (name: string, reason: string) =>
      fabric.once(`${NETWORKING}/networkinterfaces/${name}`, ({ status }) => {
        const { conditions = [] } = (status ?? {}) as { conditions?: { reason: string }[] };
        return conditions.some((each) => each.reason === reason);
      });

    it.each([
      ['idle', 'NotAttached', () => nic('idle', '10.0.7.1'), 'no machine names it; name it in spec.networkInterfaces of a Machine'],
      [
        'homeless',
        'MachineNotScheduled',
        () => nic('homeless', '10.0.7.2').then(() => machine('homeless')),
        'machine homeless names no host (spec.machinePoolRef); name one there',
      ],
      [
        'hostless',
        'HostMissing',
        () => nic('hostless', '10.0.7.3').then(() => machine('hostless', 'nohost')),
        'host nohost does not exist; start its agent, or name another host in spec.machinePoolRef of the Machine',
      ],
      [
        'nonet',
        'HostLost',
        () => nic('nonet', '10.0.7.4', 'nosuch').then(() => machine('nonet', 'a')),
        'network nosuch is not available; create that Network, or see its conditions',
      ],
      [
        'multicast',
        'AddressUnusable',
        () => nic('multicast', '224.0.0.5').then(() => machine('multicast', 'a')),
        'its address 224.0.0.5 is a multicast address; give it another one in spec.ips',
      ],
    ])('%s (%s) names it, why, and what to do, now and of the past', async (name, reason, create, why) => {
      await create();
      await says(name, reason);
      const detail = `no host has the interface default/${name}: ${why}`;
      const asked = [`nic/${name}`, 'tcp', '10.0.2.1:80'];
      const { code, reason: dropped, steps, position } = await traced(...asked);
      expect([code, dropped, steps.map((step) => step.detail)]).toEqual([1, 'NotPlaced', [detail]]);
      expect((await traced(...asked, '--at', position)).steps.map((step) => step.detail)).toEqual([detail]);
      const blamed = (await fabric.weft('blame', ...asked, '--why')).said;
      expect(blamed).toMatch(new RegExp(`^nic/${name} tcp 10.0.2.1:80: dropped, NotPlaced .*\n  no host has the interface`));
      expect(blamed).toContain(`\nwhy: no command keeps it from arriving, but what is missing: ${detail}`);
      expect((await fabric.weft('trace', ...asked, '--live')).said).toContain(`live: ${detail}\nlive: no probe was sent`);
    });
  });

  it('ends with 1 where another interface gets what is for the one that was named', async () => {
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'other' }, spec: {} });
    await fabric.attach('other', 'twin', 'b', '10.0.0.9');
    const { code, said } = await fabric.weft('trace', 'nic/web', 'tcp', 'nic/twin:5432');
    expect([code, said]).toEqual([
      1,
      expect.stringMatching(/^nic\/web tcp nic\/twin:5432: not delivered to nic\/twin, but to NetworkInterface default\/db, as TCP 10/),
    ]);
    expect((await fabric.weft('blame', 'nic/web', 'tcp', 'nic/twin:5432')).said).toContain(
      'not delivered to the interface that was named, but to nic/default/db',
    );
  });

  it.each([
    ['a network of its own', 'alike', '10.0.3.3'],
    ['a network that is not there', 'gone', '10.0.3.4'],
  ])('asks which one is meant, where another interface has the address of the sender in %s', async (_, network, ip) => {
    if (network === 'alike') await fabric.create(`${NETWORKING}/networks`, { metadata: { name: network }, spec: {} });
    await fabric.attach(network, `${network}-1`, 'a', ip);
    await fabric.attach('net', `${network}-2`, 'a', ip);
    const { code, complained } = await fabric.weft('trace', ip, 'tcp', '10.0.0.9:5432');
    const names = `nic/default/${network}-1 (network ${network}), nic/default/${network}-2 (network net)`;
    const refusal = `weft: from: ${ip}: 2 interfaces have it; name one: ${names}`;
    expect([code, complained]).toEqual([2, refusal]);
    const { position } = await traced('nic/web', 'tcp', '10.0.0.9:5432');
    expect((await fabric.weft('trace', ip, 'tcp', '10.0.0.9:5432', '--at', position)).complained).toBe(refusal);
  });

  it('takes the same as a body, and an address that one interface has', async () => {
    const body = JSON.stringify({ from: '10.0.0.1', to: 'nic/default/db', protocol: 'icmp', hopLimit: 1 });
    const response = await fetch(`${fabric.url}/weft/v1/trace`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect([response.status, await response.json()]).toEqual([
      200,
      expect.objectContaining({ verdict: 'dropped', reason: 'HopLimitExceeded' }),
    ]);
  });

  it('says of a position and of a time what would have become of the packet then', async () => {
    const { steps, position } = await traced('nic/default/web', 'tcp', '10.0.0.9:22');
    const { position: policy = '' } =
      steps
        .flatMap(({ rows }) => rows)
        .find(({ table, event }) => table.startsWith('policies') && event?.type === 'NetworkPolicyCreated.v1')?.event ?? {};
    const before = await traced('nic/default/web', 'tcp', '10.0.0.9:22', '--at', String(BigInt(policy) - 1n));
    expect([before.reason === 'PolicyIngress', BigInt(before.position) < BigInt(policy)]).toEqual([false, true]);
    expect(await traced('nic/default/web', 'tcp', '10.0.0.9:22', '--at', position)).toMatchObject({ verdict: 'dropped', steps, position });
    // All that the way to it rests on was there by then.
    const way = await traced('nic/default/web', 'tcp', '10.0.0.9:5432');
    const times = way.steps.flatMap(({ rows }) => rows.map(({ event }) => event?.time ?? '')).sort();
    expect((await traced('nic/default/web', 'tcp', '10.0.0.9:5432', '--at', times.at(-1) ?? '')).verdict).toBe('delivered');
    const { code, complained } = await fabric.weft('trace', 'nic/default/web', 'tcp', '10.0.0.9:22', '--at', 'yesterday');
    expect([code, complained]).toEqual([2, expect.stringContaining('is neither a position')]);
  });

  it('says that hosts without agents have acknowledged nothing, and what may be so then', async () => {
    const { said } = await fabric.weft('trace', 'nic/default/web', 'tcp', '10.0.0.9:5432', '--applied');
    expect(said).toMatch(/^host b may not do all of this yet: .*; not acknowledged: .*placements\.b/m);
    expect(said).toContain('by what hosts had acknowledged, it is open:');
    expect(said).toMatch(/^ {2}a, b had not acknowledged position \d+ \(20/m);
    expect(said).toMatch(/^ {2}as of position \d+: delivered to nic\/default\/db$/m);
  });

  it('and blame say since when it is so, by whose command, and what was before', async () => {
    const asked = ['nic/default/web', 'tcp', '10.0.0.9:22'];
    const { code, said, complained } = await fabric.weft('blame', ...asked, '-o', 'json');
    expect([code, complained]).toEqual([0, '']);
    const { now, changes, more } = JSON.parse(said) as { now: object; changes: Blamed[]; more: boolean };
    expect([now, more]).toEqual([{ verdict: 'dropped', reason: 'PolicyIngress', to: [] }, false]);
    expect(changes.at(-1)).toMatchObject({
      before: { verdict: 'none', reason: 'nic/default/web does not exist' },
      event: { command: 'create' },
    });
    for (const [
      i,
      {
        before: { verdict, reason },
      },
    ] of changes.entries()) {
      const { position } = changes[i] as Blamed;
      const then = await fabric.weft('trace', ...asked, '--at', String(BigInt(position) - 1n), '-o', 'json');
      if (verdict === 'none') expect([then.code, then.complained]).toEqual([2, expect.stringContaining(`weft: ${reason}`)]);
      else expect(JSON.parse(then.said)).toMatchObject({ verdict, ...(reason !== undefined && { reason }) });
    }
    const [newest] = changes as [Blamed];
    const short = await fabric.weft('blame', ...asked, '--limit', '1');
    expect(short.said).toContain(`since ${newest.time} (position ${newest.position}): dropped, PolicyIngress; before: `);
    expect(short.said).toContain(`There are older changes: --before ${newest.position}`);
    const older = await fabric.weft('blame', ...asked, '--before', newest.position, '-o', 'json');
    expect((JSON.parse(older.said) as { changes: Blamed[] }).changes).toEqual(changes.slice(1));
    const later = await fabric.weft('blame', ...asked, '--since', newest.position, '-o', 'json');
    expect((JSON.parse(later.said) as { changes: Blamed[] }).changes).toEqual([]);
    expect((await fabric.weft('blame', ...asked, '--limit', '1', '--why')).said).toMatch(
      /why: without this command, delivered to nic\/default\/db\n {2}NetworkPolicyCreated\.v1 of NetworkPolicy default\/db by \S+ \(create\) at 20/,
    );
    expect((await fabric.weft('blame', ...asked, '--limit', '0')).complained).toContain('limit must be 1 to 1000');
    expect((await fabric.weft('blame', ...asked, '--since', '0', '-o', 'json')).said).toBe(said);
    // By a control loop, on account of a command that the answer does not rest on.
    const claimed = changes.find(({ event }) => event.command === 'Settle');
    expect(claimed?.cause).toMatchObject({ type: expect.stringMatching(/Created\.v1$/), command: 'create' });
    expect(await fabric.weft('blame', 'nic/none', 'tcp', '10.0.0.9:22')).toMatchObject({
      code: 2,
      complained: 'weft: nic/none does not exist, and it was never otherwise',
    });
    const early = await fetch(`${fabric.url}/weft/v1/blame?from=nic/default/web&to=10.0.0.9:22&at=9`);
    expect(await early.json()).toMatchObject({ message: expect.stringMatching(/web does not exist, and it was never otherwise up to 9$/) });
  });

  it('sees what was written just before, and follows', async () => {
    await fabric.create(`${NETWORKING}/networkpolicies`, {
      metadata: { name: 'more' },
      spec: { networkRef: { name: 'net' }, networkInterfaceSelector: { matchLabels: { app: 'db' } }, ingress: [{ ports: [{ port: 22 }] }] },
    });
    expect((await traced('nic/default/web', 'tcp', '10.0.0.9:22')).verdict).toBe('delivered');
    expect((await traced('internet:203.0.113.7', 'tcp', '10.0.0.9:22')).reason).toBe('NoEdge');
  });
});
