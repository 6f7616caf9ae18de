/**
 * What holds of verdicts while policies change (provider, Appendix A): where an end is enforced makes no difference (7), and no change opens what neither the
 * old nor the new policies allow (8). An agent applies each change of a table whole, as the bus delivers it.
 */
import type { JsonObject, TableChanges } from '@weft/api';
import { randomOf } from '@weft/testing';
import {
  apply,
  balancer,
  keyOf,
  network,
  nic,
  POOL,
  PolicyWorld,
  picker,
  policy,
  randomLabels,
  randomPolicySpec,
  virtualIp,
} from '../testing/policy-world.ts';
import { createPolicyJudge, type Flow, type FlowEnd } from './policy-verdict.ts';

/** `HISTORIES=1000` for more. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 4);
const seeds = Array.from({ length: HISTORIES }, (_, i) => i + 1);
const NICS = ['n1', 'n2', 'n3', 'n4'];
/** In the network `far`, peered with `net`. */
const FAR = ['f1', 'f2'];
const POLICIES = ['p1', 'p2', 'p3'];
const WHAT = ['TCP/80', 'TCP/85', 'UDP/53', 'ICMP'];

type Tables = PolicyWorld['tables'];
const copyOf = (tables: Tables): Tables => new Map([...tables].map(([table, rows]) => [table, new Map(rows)]));

class RandomPolicies extends PolicyWorld {
  readonly #steps: readonly (() => unknown)[];
  readonly #pick: ReturnType<typeof picker>;

  constructor(seed: number) {
    super({ seed, duplicates: 0.2, lag: 0.3 });
    const random = randomOf(seed);
    const pick = picker(random);
    this.#pick = pick;
    this.create(POOL);
    for (const name of ['net', 'far']) this.create(network(name));
    for (const [i, name] of NICS.entries()) this.up(nic(name, randomLabels(random), [`10.0.0.${i + 1}`]));
    for (const [i, name] of FAR.entries()) this.up(nic(name, randomLabels(random), [`10.0.0.${i + 9}`], 'far'));
    for (const name of ['o1', 'o2']) {
      this.create(balancer(name, randomLabels(random)));
      this.create(virtualIp(name, randomLabels(random)));
    }
    const changed = () => this.patch(keyOf('NetworkPolicy', pick(POLICIES)), { spec: randomPolicySpec(random) });
    const added = () => this.create(policy(pick(POLICIES), randomPolicySpec(random), pick(['net', 'net', 'far'])));
    this.#steps = [
      added,
      added,
      changed,
      changed,
      changed,
      () => this.delete(keyOf('NetworkPolicy', pick(POLICIES))),
      () => {
        const [kind, name] = pick([
          ...[...NICS, ...FAR].map((each) => ['NetworkInterface', each] as const),
          ...['o1', 'o2'].flatMap((each) => [['LoadBalancer', each] as const, ['VirtualIP', each] as const]),
        ]);
        return this.patch(keyOf(kind, name), { metadata: { labels: { app: null, tier: null, ...randomLabels(random) } } });
      },
    ];
  }

  /** One change by a user, and all that follows from it. The tables before, and the changes of rows in their order. */
  step(): Readonly<{ before: Tables; deltas: readonly TableChanges[] }> {
    const before = copyOf(this.tables);
    const from = this.deltas.length;
    this.#pick(this.#steps)();
    return { before, deltas: this.deltas.slice(from) };
  }

  end(name: string): FlowEnd {
    const net = FAR.includes(name) ? 'far' : 'net';
    const { ips = [] } = (this.object(keyOf('NetworkInterface', name))?.status ?? {}) as { ips?: string[] };
    return { vni: this.vniOf(net), nic: this.uidOf('NetworkInterface', name), address: ips[0] ?? '' };
  }

  /** Between all interfaces, from outside, and to a balancer. */
  flows(): readonly Flow[] {
    const ends = [...NICS, ...FAR].map((name) => this.end(name));
    const { ips = [] } = (this.object(keyOf('LoadBalancer', 'o1'))?.status ?? {}) as { ips?: string[] };
    const pairs: [FlowEnd, FlowEnd][] = ends.flatMap((from) =>
      ends.filter((to) => to !== from).map((to): [FlowEnd, FlowEnd] => [from, to]),
    );
    for (const end of ends) {
      pairs.push([{ address: '203.0.113.2' }, end], [end, { address: '203.0.113.2' }]);
      pairs.push([{ address: '10.0.0.3' }, { ...end, address: ips[0] ?? '' }]);
    }
    return pairs.flatMap(([from, to]) =>
      WHAT.map((what): Flow => {
        const [protocol, port] = what.split('/') as [Flow['protocol'], string?];
        return { from, to, protocol, ...(port !== undefined && { port: Number(port) }) };
      }),
    );
  }
}

const judged = (tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>, flows: readonly Flow[]) => {
  const judge = createPolicyJudge(tables);
  return flows.map((flow) => judge.judge(flow));
};

describe('While policies change', () => {
  const outcomes = new Set<boolean>();
  afterAll(() => {
    if (HISTORIES >= 4) expect(outcomes.size).toBe(2);
  });

  it.each(seeds)(
    'Appendix A 8: after each change of a table every end judges as before or as afterwards, and no flow is opened (history %i)',
    (seed) => {
      const world = new RandomPolicies(seed);
      let changes = 0;
      for (let i = 0; i < 40; i++) {
        const { before, deltas } = world.step();
        const flows = world.flows();
        const [old, now] = [judged(before, flows), judged(world.tables, flows)];
        const agent = copyOf(before);
        for (const delta of deltas) {
          apply(agent, [delta]);
          judged(agent, flows).forEach((verdict, f) => {
            const [was, is] = [old[f], now[f]];
            if (!('egress' in verdict) || was === undefined || is === undefined || !('egress' in was) || !('egress' in is)) return;
            if (verdict.passes) expect(was.passes || is.passes).toBe(true);
            for (const end of ['egress', 'ingress'] as const) expect([was[end].passes, is[end].passes]).toContain(verdict[end].passes);
          });
        }
        if (deltas.length > 0) changes++;
        // One change of a user is one change of a table: what loops write afterwards changes no row. Only a VirtualIP is in several networks.
        const tables = deltas.map(({ table }) => table);
        expect(tables).toEqual([...new Set(tables)]);
      }
      expect(changes).toBeGreaterThan(10);
    },
  );

  it('row by row it would open flows: that is why a change of a table is applied whole', () => {
    let opened = 0;
    for (const seed of seeds) {
      const world = new RandomPolicies(seed);
      for (let i = 0; i < 40; i++) {
        const { before, deltas } = world.step();
        const flows = world.flows();
        const [old, now] = [judged(before, flows), judged(world.tables, flows)];
        const agent = copyOf(before);
        for (const { table, changes } of deltas) {
          for (const change of changes) {
            apply(agent, [{ table, changes: [change] }]);
            opened += judged(agent, flows).filter(({ passes }, f) => passes && old[f]?.passes === false && now[f]?.passes === false).length;
          }
        }
      }
    }
    expect(opened).toBeGreaterThan(0);
  });

  it.each(seeds)(
    'Appendix A 7, packet P-92: each end needs rows of its own network only, so all hosts judge alike (history %i)',
    (seed) => {
      const world = new RandomPolicies(seed);
      for (let i = 0; i < 20; i++) world.step();
      const flows = world.flows();
      const together = judged(world.tables, flows);
      /** The verdicts of a host that holds one network. */
      const alone = (name: string) => {
        const table = `policies.${world.vniOf(name)}`;
        return judged(new Map([[table, world.tables.get(table) ?? new Map()]]), flows);
      };
      const hosts = new Map([
        [world.vniOf('net'), alone('net')],
        [world.vniOf('far'), alone('far')],
      ]);
      flows.forEach(({ from, to }, f) => {
        const verdict = together[f];
        if (verdict === undefined || !('egress' in verdict)) throw new Error('these flows are judged');
        const [sender, receiver] = [hosts.get(from.vni ?? 0)?.[f], hosts.get(to.vni ?? 0)?.[f]];
        if (sender !== undefined && 'egress' in sender) expect(sender.egress).toEqual(verdict.egress);
        if (receiver !== undefined && 'ingress' in receiver) expect(receiver.ingress).toEqual(verdict.ingress);
      });
      for (const { passes } of together) outcomes.add(passes);
    },
  );
});
