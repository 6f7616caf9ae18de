/**
 * What policies cost: one label that moves one of 10,000 interfaces from one of 1,000 policies into another, and 10,000 policies created.
 *
 * In process: fold, rows, row transport, over a bus in memory. With a running Weft: over HTTP and NATS; whoever follows the rows stands for a host.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  appendOf,
  CONTEXTS,
  createFold,
  type Fact,
  type Fold,
  inParallel,
  type ObjectKey,
  registry,
  streamOf,
  toEvents,
  uuidv5,
} from '@weft/api';
import { createMemoryHub, createRowPublisher, createRowSubscriber, newTerm, type RowPublisher } from '@weft/bus';
import { RowProjection, policies as rowsOfPolicies } from '@weft/fabric';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench } from './bench.ts';
import { Control, connectTo } from './control.ts';
import { address, NETWORKING, network, nic } from './objects.ts';
import { ms, type Summary, summarize } from './stats.ts';
import { System } from './system.ts';

type PolicyFigures = Readonly<{
  /** A label changes: fold and rows, until one who follows has them; in ms. */
  foldMs: Summary;
  rowsMs: Summary;
  appliedMs: Summary;
  /** A fixed piece of work in the same run, in ms: makes figures of two machines comparable. */
  referenceMs: Summary;
  /** For an interface that one policy selects: rows, what they are derived from, and the table of the publisher. */
  bytesPerMember: number;
}>;

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const VNI = 200;
const TABLE = `policies.${VNI}`;
const keyOf = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'default', name });
const label = (policy: number) => ({ app: `a${policy}`, zone: 'z1' });

/** A policy for the interfaces `app: a<p>`, which admits the next one's at one port. */
function policy(name: string, p: number, count: number, networkName = 'one') {
  return {
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'default', name },
    spec: {
      networkRef: { name: networkName },
      networkInterfaceSelector: { matchLabels: { app: `a${p}` } },
      ingress: [
        {
          from: [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { app: `a${(p + 1) % count}` } } }],
          ports: [{ protocol: 'TCP', port: 5432 }],
        },
      ],
      policyTypes: ['Ingress'],
    },
  };
}

/** A log in memory, folded as it grows. */
class Log {
  readonly registry = registry(weftDomains);
  readonly fold: Fold = createFold(this.registry);
  readonly #revisions = new Map<string, bigint>();
  #appends = 0;

  happen(key: ObjectKey, ...facts: readonly Fact[]): ReturnType<Fold['apply']> {
    const number = ++this.#appends;
    const request = uuidv5('6f1d3c5e-0000-5000-8000-000000000003', `request ${number}`);
    const stream = streamOf(key);
    const revision = this.#revisions.get(stream) ?? -1n;
    const cause = { requestId: request, actor: { user: 'bench', verified: false }, correlationId: request, causationId: request };
    const expected = revision < 0n ? ('none' as const) : revision;
    const events = toEvents(facts, cause, { stream, expected, now: '2026-01-01T00:00:00.000Z' });
    const append = appendOf(
      events.map((event, i) => ({ ...event, stream, revision: revision + 1n + BigInt(i), position: BigInt(number) * 10n + BigInt(i) })),
    );
    this.#revisions.set(stream, append.revision);
    return this.fold.apply(append);
  }

  create(key: ObjectKey, object: Readonly<{ spec?: object; metadata?: object }>, ...facts: readonly Fact[]): ReturnType<Fold['apply']> {
    const metadata = {
      ...object.metadata,
      name: key.name,
      namespace: 'default',
      uid: `${key.kind}-${key.name}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
    };
    return this.happen(key, { type: `${key.kind}Created.v1`, data: { metadata, spec: object.spec ?? {} } as Fact['data'] }, ...facts);
  }
}

async function rowCosts({
  interfaces,
  policies,
  samples,
}: {
  interfaces: number;
  policies: number;
  samples: number;
}): Promise<PolicyFigures> {
  const log = new Log();
  log.create(keyOf('Network', 'one'), {}, { type: 'NetworkVniAssigned.v1', data: { vni: VNI } });
  for (let p = 0; p < policies; p++) log.create(keyOf('NetworkPolicy', `p${p}`), { spec: policy('', p, policies).spec });
  for (let i = 0; i < interfaces; i++) {
    const { spec, metadata } = nic(`n${i}`, 'one', address(i), label(i % policies));
    log.create(
      keyOf('NetworkInterface', `n${i}`),
      { spec, metadata },
      { type: 'NetworkInterfaceAddressed.v1', data: { ips: [address(i)], index: i } },
      { type: 'NetworkInterfacePlaced.v1', data: { host: 'bench' } }, // One that is placed has a row.
    );
  }
  const before = heapUsed();
  const projection = new RowProjection(rowsOfPolicies, log.registry, log.fold);
  const hub = createMemoryHub();
  const publisher = createRowPublisher({
    bus: hub.connect('projector'),
    context: 'policy',
    log: silent,
  });
  for (const { table, changes } of projection.settle()) publisher.change(table, changes, log.fold.position);
  const bytesPerMember = (heapUsed() - before) / interfaces;
  publisher.open(newTerm(new Date(), 'bench0000'));
  const subscriber = createRowSubscriber({ bus: hub.connect('host'), contexts: CONTEXTS, log: silent });
  try {
    subscriber.follow('policy', TABLE);
    await until('the table is there', () => subscriber.view(TABLE)?.rows.size === interfaces + policies, 60_000);
    let applied = (_rev: bigint) => {};
    subscriber.onChange(({ rev }) => applied(rev));
    const [foldMs, rowsMs, appliedMs, referenceMs]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let i = 0; i < samples; i++) {
      const started = performance.now();
      const change = log.happen(keyOf('NetworkInterface', `n${(i * 7) % interfaces}`), {
        type: 'LabelsChanged.v1',
        data: { labels: label((i * 31 + 1) % policies) },
      });
      const folded = performance.now();
      const changed = projection.onChange(change);
      const rows = performance.now();
      const done = new Promise<void>((resolve) => {
        applied = () => resolve();
      });
      publish(publisher, changed, log.fold.position);
      await done;
      foldMs.push(folded - started);
      rowsMs.push(rows - folded);
      appliedMs.push(performance.now() - started);
      referenceMs.push(timed(referenceLoad));
    }
    return {
      foldMs: summarize(foldMs),
      rowsMs: summarize(rowsMs),
      appliedMs: summarize(appliedMs),
      referenceMs: summarize(referenceMs),
      bytesPerMember,
    };
  } finally {
    await subscriber.close();
    await publisher.close();
  }
}

function publish(publisher: RowPublisher, changed: ReturnType<RowProjection['onChange']>, position: bigint): void {
  if (changed.length !== 1 || changed[0]?.changes.length !== 1) throw new Error('one label is not one row');
  for (const { table, changes } of changed) publisher.change(table, changes, position);
  publisher.progress(position);
}

type PolicySystemFigures = Readonly<{
  /** Creations that were acknowledged, and until each policy says that it is resolved; in seconds. */
  createdSeconds: number;
  resolvedSeconds: number;
  /** CPU of Weft for all of that. */
  cpuSeconds: number;
  /** From the PATCH of a label to the row at one who follows. */
  labelMs: Summary;
  /** CPU of Weft for one label. */
  labelCpuMs: number;
}>;

/** On a running Weft, whose own host follows the network too. `many` policies are created in a network of their own. */
async function systemCosts(options: {
  interfaces: number;
  policies: number;
  many: number;
  samples: number;
  say: (line: string) => void;
}): Promise<PolicySystemFigures> {
  const { interfaces, policies, many, samples, say } = options;
  const system = await System.start('simulated');
  const control = await Control.connect(system.data);
  const bus = await connectTo(system.data, 'bench-host');
  const subscriber = createRowSubscriber({ bus, contexts: CONTEXTS, log: silent });
  try {
    for (const name of ['one', 'many']) await system.call('POST', `${NETWORKING}/networks`, network(name));
    say(`${policies} policies and ${interfaces} interfaces`);
    await inParallel(upTo(policies), 64, (p) => control.create('NetworkPolicy', policy(`p${p}`, p, policies), 'policy'));
    await inParallel(upTo(interfaces), 128, (i) =>
      control.create('NetworkInterface', nic(`n${i}`, 'one', address(i), label(i % policies))),
    );
    await control.place(
      'bench-own',
      upTo(interfaces).map((i) => `n${i}`),
    );
    const vni = await until('a number', async () => {
      const { spec } = await system.call<{ spec: { providerID?: string } }>('GET', `${NETWORKING}/networks/one`);
      return spec.providerID?.split('/')[4];
    });
    const table = `policies.${vni}`;
    subscriber.follow('policy', table);
    await until('all rows', () => subscriber.view(table)?.rows.size === interfaces + policies, 300_000, 100);
    await resolved(system, policies, 'one', 300_000);
    let applied = (_: readonly Readonly<{ key: string }>[]) => {};
    subscriber.onChange(({ table: changed, changes }) => changed === table && applied(changes));
    const labelMs: number[] = [];
    const beforeLabels = system.cpuSeconds('weft');
    for (let i = 0; i < samples; i++) {
      const name = `n${(i * 7) % interfaces}`;
      const { metadata } = await system.call<{ metadata: { uid: string } }>('GET', `${NETWORKING}/networkinterfaces/${name}`);
      const done = new Promise<void>((resolve) => {
        applied = (changes) => changes.some(({ key }) => key === `member/${metadata.uid}`) && resolve();
      });
      const started = performance.now();
      await system.patch(`${NETWORKING}/networkinterfaces/${name}`, { metadata: { labels: label((i * 31 + 1) % policies) } });
      await done;
      labelMs.push(performance.now() - started);
    }
    const labelCpuMs = ((system.cpuSeconds('weft') - beforeLabels) * 1000) / samples;
    say(`${many} policies more`);
    const [started, before] = [performance.now(), system.cpuSeconds('weft')];
    await inParallel(upTo(many), 256, (p) => control.create('NetworkPolicy', policy(`m${p}`, p, many, 'many'), 'policy'));
    const createdSeconds = (performance.now() - started) / 1000;
    await resolved(system, many, 'many', 300_000);
    return {
      createdSeconds,
      resolvedSeconds: (performance.now() - started) / 1000,
      cpuSeconds: system.cpuSeconds('weft') - before,
      labelMs: summarize(labelMs),
      labelCpuMs,
    };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    await subscriber.close();
    await bus.close();
    await control.close();
    await system.stop();
  }
}

type PolicyList = { items: { spec: { networkRef: { name: string } }; status?: { conditions?: { type: string; reason: string }[] } }[] };

async function resolved(system: System, count: number, networkName: string, timeoutMs: number): Promise<void> {
  await until(
    'all policies resolved',
    async () => {
      const { items } = await system.call<PolicyList>('GET', `${NETWORKING}/networkpolicies`);
      const done = items.filter(
        ({ spec, status }) =>
          spec.networkRef.name === networkName && status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'Resolved'),
      );
      return done.length === count;
    },
    timeoutMs,
    1_000,
  );
}

/** Texts are made, parsed and compared. */
function referenceLoad(): void {
  const rows = Array.from({ length: 200 }, (_, i) => ({ key: `k${i}`, ips: [`10.0.0.${i}`], targets: ['a', 'b'], position: `${i}` }));
  const again = JSON.parse(JSON.stringify(rows)) as typeof rows;
  if (again.some(({ key }, i) => key !== rows[i]?.key)) throw new Error('JSON is broken');
}

function timed(run: () => void): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

function upTo(count: number): number[] {
  return [...Array(count).keys()];
}

export const policiesBench: Bench = {
  name: 'policies',
  async run({ quick, say }) {
    const size = quick ? { interfaces: 1_000, policies: 100 } : { interfaces: 10_000, policies: 1_000 };
    const { foldMs, rowsMs, appliedMs, referenceMs, bytesPerMember } = await rowCosts({ ...size, samples: quick ? 200 : 1_000 });
    say(`policies: ${Math.round(bytesPerMember)} bytes for the row of an interface that one policy selects`);
    const of = `${size.interfaces} interfaces, ${size.policies} policies`;
    const many = quick ? 1_000 : 10_000;
    const { labelMs, labelCpuMs, createdSeconds, resolvedSeconds, cpuSeconds } = await systemCosts({
      ...size,
      many,
      samples: quick ? 50 : 200,
      say,
    });
    return [
      { name: `a label moves an interface to another policy, ${of}: folded`, latencyMs: foldMs },
      { name: '– rows made', latencyMs: rowsMs, goal: atMost(5, foldMs.p50 + rowsMs.p50, 'ms p50 with the fold') },
      {
        name: '– at one who follows the rows, in one process',
        latencyMs: appliedMs,
        ratio: { value: appliedMs.p50 / referenceMs.p50, to: 'a piece of JSON work beside each' },
      },
      {
        name: `HTTP request for a label → row at one who follows (CPU ${ms(labelCpuMs)} ms)`,
        latencyMs: labelMs,
        goal: atMost(50, labelMs.p50, 'ms p50'),
      },
      {
        name: `${many} NetworkPolicies: created in ${ms(createdSeconds)} s, resolved after ${ms(resolvedSeconds)} s (CPU ${ms(cpuSeconds)} s)`,
        perSecond: many / createdSeconds,
        goal: atMost(many / 500, createdSeconds, 's'),
      },
    ];
  },
};
