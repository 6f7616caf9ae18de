/**
 * What one target more or less costs, from its append to its rows and to the table of buckets that a host makes of them, beside the fold of the same append
 * without rows. All loops of the lb context are asked, too: the interface's label is what sets it off.
 */
import {
  type Append,
  appendOf,
  createFold,
  type Fact,
  type Fold,
  type JsonObject,
  type ObjectKey,
  registry,
  streamOf,
  toEvents,
  uuidv5,
} from '@weft/api';
import { LoopBoard } from '@weft/derive';
import { backendsOf, RowProjection, rowsIn } from '@weft/fabric';
import { weftDomains } from '@weft/service';
import { atMost, type Bench, type Result } from './bench.ts';
import { type Summary, summarize } from './stats.ts';

type BalancingFigure = Readonly<{ name: string; latencyMs: Summary; evaluations?: number; rows?: number; asked?: number }>;

const ROOT = '6f1d3c5e-0000-5000-8000-0000000000b1';
const NOW = '2026-01-01T00:00:00.000Z';
const BALANCER = 'b0';
const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });

/** A log in memory with its fold, loops and rows. */
class Log {
  readonly #registry = registry(weftDomains);
  readonly #fold: Fold = createFold(this.#registry);
  /** The reference: the same fold, of which nothing follows. */
  readonly #bare: Fold = createFold(this.#registry);
  readonly #board = new LoopBoard({
    registry: this.#registry,
    loops: this.#registry.loops('lb'),
    world: this.#fold,
    nowMs: () => performance.now(),
  });
  readonly #projections = rowsIn(this.#registry).map((rows) => new RowProjection(rows, this.#registry, this.#fold));
  readonly #revisions = new Map<string, bigint>();
  #position = 0n;
  rows = 0;
  asked = 0;

  get evaluations(): number {
    return this.#projections.reduce((sum, { evaluations }) => sum + evaluations, 0);
  }

  append(stream: string, ...facts: readonly Fact[]): Append {
    const revision = this.#revisions.get(stream) ?? -1n;
    const request = uuidv5(ROOT, `${this.#position}`);
    const cause = { requestId: request, actor: { user: 'bench', verified: false }, correlationId: request, causationId: request };
    const expected = revision < 0n ? ('none' as const) : revision;
    const events = toEvents(facts, cause, { stream, expected, now: NOW }).map((event, i) => ({
      ...event,
      stream,
      revision: revision + 1n + BigInt(i),
      position: ++this.#position,
    }));
    const append = appendOf(events);
    this.#revisions.set(stream, append.revision);
    return append;
  }

  /** Folds the append, makes the rows that follow, and asks the loops that read what differs. Gives the ms for rows, with loops, and of the reference. */
  take(append: Append): Readonly<{ rowsMs: number; loopsMs: number; bareMs: number }> {
    const from = performance.now();
    this.#bare.apply(append);
    const start = performance.now();
    const change = this.#fold.apply(append);
    for (const projection of this.#projections) for (const { changes } of projection.onChange(change)) this.rows += changes.length;
    const made = performance.now();
    this.#board.apply(change);
    while (this.#board.next() !== undefined) this.asked++;
    return { rowsMs: made - start, loopsMs: performance.now() - start, bareMs: start - from };
  }

  create(of: ObjectKey, spec: JsonObject = {}): string {
    const uid = uuidv5(ROOT, `${of.kind} ${of.name}`);
    const { namespace, name } = of;
    const metadata = { name, ...(namespace !== undefined && { namespace }), uid, creationTimestamp: '2026-01-01T00:00:00Z' };
    this.happen(of, { type: `${of.kind}Created.v1`, data: { metadata, spec } });
    return uid;
  }

  happen(of: ObjectKey, ...facts: readonly Fact[]) {
    return this.take(this.append(streamOf(of), ...facts));
  }
}

function balanced({
  targets,
  balancers,
  changes,
}: Readonly<{ targets: number; balancers: number; changes: number }>): readonly BalancingFigure[] {
  const log = new Log();
  log.create({ kind: 'Namespace', name: 'ns' });
  const network = log.create(key('Network', 'net'));
  log.happen(key('Network', 'net'), { type: 'NetworkVniAssigned.v1', data: { vni: 200 } });
  for (let i = 0; i < balancers; i++) {
    const networkInterfaceSelector = { matchLabels: { of: `b${i}` } };
    const spec = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' }, networkInterfaceSelector };
    const balancer = log.create(key('LoadBalancer', `b${i}`), spec);
    log.create(key('LoadBalancerRouting', `b${i}`));
    const data = { balancer, network: { name: 'net', uid: network } };
    log.happen(key('LoadBalancerRouting', `b${i}`), { type: 'LoadBalancerRoutingManaged.v1', data });
  }
  const nic = (i: number): Readonly<{ name: string; uid: string; ips: string[] }> => {
    const name = `n${i}`;
    const ips = [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`];
    const uid = log.create(key('NetworkInterface', name), { networkRef: { name: 'net' }, ips: ips.map((value) => ({ value })) });
    log.happen(
      key('NetworkInterface', name),
      { type: 'NetworkInterfaceAddressed.v1', data: { ips, index: i } },
      { type: 'NetworkInterfacePlaced.v1', data: { host: 'a' } },
      { type: 'NetworkInterfaceProgrammed.v1', data: { host: 'a', position: '1' } },
    );
    return { name, uid, ips };
  };
  const joined = (target: ReturnType<typeof nic>): Fact => ({ type: 'LoadBalancerTargetJoined.v1', data: { ...target } });
  const all = Array.from({ length: targets }, (_, i) => nic(i));
  for (const each of all) log.happen(key('LoadBalancerRouting', BALANCER), joined(each));
  const more = nic(targets);
  const counts = { evaluations: log.evaluations, rows: log.rows, asked: log.asked };
  const samples = { rowsMs: [] as number[], loopsMs: [] as number[], bareMs: [] as number[], labelMs: [] as number[] };
  for (let i = 0; i < changes; i++) {
    for (const isOne of [true, false]) {
      const labels = { type: 'LabelsChanged.v1', data: { labels: isOne ? { of: BALANCER } : {} } };
      samples.labelMs.push(log.happen(key('NetworkInterface', more.name), labels).loopsMs);
      const fact = isOne ? joined(more) : { type: 'LoadBalancerTargetLeft.v1', data: { uid: more.uid } };
      const { rowsMs, loopsMs, bareMs } = log.happen(key('LoadBalancerRouting', BALANCER), fact);
      samples.rowsMs.push(rowsMs);
      samples.loopsMs.push(loopsMs);
      samples.bareMs.push(bareMs);
    }
  }
  const per = (now: number, before: number) => (now - before) / (2 * changes);
  const what = `${targets} targets, ${balancers} balancers`;
  return [
    {
      name: `one target more or less, from its append to its rows: ${what}`,
      latencyMs: summarize(samples.rowsMs),
      evaluations: per(log.evaluations, counts.evaluations),
      rows: per(log.rows, counts.rows),
    },
    {
      name: `the same with the loops of lb that follow: ${what}`,
      latencyMs: summarize(samples.loopsMs),
      asked: per(log.asked, counts.asked),
    },
    { name: `the label that sets it off, with these loops: ${what}`, latencyMs: summarize(samples.labelMs) },
    { name: `reference: the fold of the append alone: ${what}`, latencyMs: summarize(samples.bareMs) },
  ];
}

/** What a host makes of the target rows of a balancer at each change of them: who serves, and the table of buckets. CPU time, since it has no pauses. */
function buckets({ targets, rounds }: Readonly<{ targets: number; rounds: number }>): BalancingFigure {
  const rows = Array.from({ length: targets }, (_, i) => {
    const target = uuidv5(ROOT, `target ${i}`);
    return { balancer: BALANCER, target, name: `n${i}`, ips: [`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`], position: '1', because: [] };
  });
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const some = round % 2 === 0 ? rows : rows.slice(1);
    const start = process.cpuUsage();
    backendsOf(some, 'IPv4');
    const { user, system } = process.cpuUsage(start);
    samples.push((user + system) / 1_000);
  }
  return { name: `table of a balancer with ${targets} targets, made anew (CPU)`, latencyMs: summarize(samples) };
}

export const balancingBench: Bench = {
  name: 'balancing',
  async run({ quick, say }) {
    const results: Result[] = [];
    for (const balancers of [1, 10_000]) {
      say(`balancing with ${balancers} balancers`);
      const figures = balanced({ targets: 1_000, balancers, changes: quick ? 50 : 300 });
      for (const [i, { name, latencyMs, evaluations, rows, asked }] of figures.entries()) {
        if (evaluations !== undefined) say(`${name}: ${evaluations} derivations, ${rows} rows`);
        if (asked !== undefined) say(`${name}: loops asked ${asked} times, the label included`);
        results.push({ name, latencyMs, ...(i === 0 && { goal: atMost(10, latencyMs.p50, 'ms p50') }) });
      }
    }
    for (const targets of [100, 1_000, 10_000]) {
      const { name, latencyMs } = buckets({ targets, rounds: quick ? 20 : 100 });
      results.push({ name, latencyMs, ...(targets === 1_000 && { goal: atMost(10, latencyMs.p50, 'ms p50') }) });
    }
    return results;
  },
};
