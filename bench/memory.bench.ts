/**
 * What an interface costs in memory, over all of one process as `npm start` runs it: log, folds, loops, rows, gateway, and the agent of the host that holds
 * it. Two sizes are grown to, and the growth between them is divided, so that what a Weft costs without interfaces does not count.
 *
 * Heap is what is left after a collection. Resident memory is taken after a pause, in which Node returns what it does not need.
 */
import { inParallel } from '@weft/api';
import { until } from '@weft/testing/waiting';
import { atMost, type Bench, type Result } from './bench.ts';
import { Control } from './control.ts';
import { address, COMPUTE, NETWORKING, network, nic } from './objects.ts';
import { type ProbeAnswer, type ProbeQuestion, System } from './system.ts';

/** `furnished`: two labels, selected by one policy and by one balancer, behind a NATGateway. */
type MemoryKind = 'plain' | 'furnished';
type MemoryFigures = Readonly<{ kind: MemoryKind; from: number; to: number; heapBytes: number; residentBytes: number }>;

const GOAL_KIB = { plain: 6, furnished: 8 } as const;
/** At the smaller one what is bounded is full, but for what writers keep of objects. */
const SIZES = { plain: [20_000, 40_000], furnished: [2_000, 4_000] } as const;
const QUICK_SIZES = [1_000, 3_000] as const;
const WHAT = {
  plain: 'an interface, placed and Available',
  furnished: '– with two labels, a policy, a balancer that it is a target of, and a range of ports of a NATGateway',
} as const;

export const memoryBench: Bench = {
  name: 'memory',
  async run({ quick, say }) {
    const results: Result[] = [];
    for (const kind of ['plain', 'furnished'] as const) {
      const sizes = quick ? QUICK_SIZES : SIZES[kind];
      const { heapBytes, residentBytes } = await memoryOf({ kind, sizes, idleMs: quick ? 2_000 : 15_000, say });
      for (const [of, bytes] of [
        ['resident', residentBytes],
        ['heap', heapBytes],
      ] as const) {
        const kib = bytes / 1024;
        const goal = of === 'resident' && { goal: atMost(GOAL_KIB[kind], kib, 'KiB') };
        results.push({ name: `memory, ${of}: ${WHAT[kind]}`, figure: `${kib.toFixed(1)} KiB`, ...goal });
      }
    }
    return results;
  },
};

/** A NATGateway has ports for 10,080 interfaces, with 64 ports each. */
const PER_NETWORK = 5_000;
/** Those of a policy and of a balancer: a host takes 20 ms for each change of a balancer with 1,000 targets, which is another figure. */
const PER_GROUP = 100;
const WAIT_MS_MAX = 600_000;

export async function memoryOf(options: {
  kind: MemoryKind;
  sizes: readonly [from: number, to: number];
  /** Before resident memory is taken. */
  idleMs: number;
  say: (line: string) => void;
  /** Called at each size, with a function that asks the process. */
  at?: (size: number, ask: (question: ProbeQuestion) => Promise<ProbeAnswer>) => Promise<void>;
}): Promise<MemoryFigures> {
  const { kind, sizes, idleMs, say, at } = options;
  const system = await System.start('simulated', {}, { probed: true });
  const control = await Control.connect(system.data);
  const found: Readonly<{ heapBytes: number; residentBytes: number }>[] = [];
  try {
    let count = 0;
    for (const size of sizes) {
      await grow(control, kind, count, size);
      count = size;
      await until(`${size} interfaces Available`, async () => (await available(system)) === size, WAIT_MS_MAX, 2_000);
      if (kind === 'furnished') await until('all of them selected', () => isFurnished(system, size), WAIT_MS_MAX, 2_000);
      await new Promise((resolve) => setTimeout(resolve, idleMs));
      const { rss } = await system.ask('look');
      const { heapUsed, external } = await system.ask('collect');
      say(`${kind}, ${size} interfaces: resident ${inMib(rss)} MiB, heap ${inMib(heapUsed)} MiB, buffers ${inMib(external)} MiB`);
      found.push({ heapBytes: heapUsed + external, residentBytes: rss });
      await at?.(size, (question) => system.ask(question));
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${system.log('weft')}`);
  } finally {
    await control.close();
    await system.stop();
  }
  const [from, to] = sizes;
  const [small, large] = found as [(typeof found)[0], (typeof found)[0]];
  const each = (figure: keyof typeof small) => (large[figure] - small[figure]) / (to - from);
  return { kind, from, to, heapBytes: each('heapBytes'), residentBytes: each('residentBytes') };
}

const inMib = (bytes: number) => Math.round(bytes / 2 ** 20);

async function grow(control: Control, kind: MemoryKind, from: number, to: number): Promise<void> {
  const indexes = Array.from({ length: to - from }, (_, i) => from + i);
  const networkOf = (index: number) => `m-${Math.floor(index / PER_NETWORK)}`;
  for (const first of indexes.filter((index) => index % PER_NETWORK === 0)) {
    await control.create('Network', network(networkOf(first)));
    if (kind === 'furnished') await control.create('NATGateway', gateway(networkOf(first)), 'lb');
  }
  if (kind === 'furnished') {
    for (const first of indexes.filter((index) => index % PER_GROUP === 0)) {
      const group = first / PER_GROUP;
      await control.create('NetworkPolicy', policy(`p-${group}`, networkOf(first), group), 'policy');
      await control.create('LoadBalancer', balancer(`b-${group}`, networkOf(first), group), 'lb');
    }
  }
  await inParallel(indexes, 128, (index) => {
    const labels = kind === 'furnished' ? { group: `g${Math.floor(index / PER_GROUP)}`, tier: `t${index % 3}` } : undefined;
    return control.create('NetworkInterface', nic(`i-${index}`, networkOf(index), address(index), labels));
  });
  await control.place(
    'bench-own',
    indexes.map((index) => `i-${index}`),
  );
}

function gateway(networkName: string) {
  const spec = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: networkName }, portsPerNetworkInterface: 64 };
  return {
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'NATGateway',
    metadata: { namespace: 'default', name: networkName },
    spec,
  };
}

function policy(name: string, networkName: string, group: number) {
  return {
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'NetworkPolicy',
    metadata: { namespace: 'default', name },
    spec: {
      networkRef: { name: networkName },
      networkInterfaceSelector: { matchLabels: { group: `g${group}` } },
      ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ protocol: 'TCP', port: 443 }] }],
      policyTypes: ['Ingress'],
    },
  };
}

function balancer(name: string, networkName: string, group: number) {
  return {
    apiVersion: 'networking.ironcore.dev/v1alpha1',
    kind: 'LoadBalancer',
    metadata: { namespace: 'default', name },
    spec: {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: networkName },
      networkInterfaceSelector: { matchLabels: { group: `g${group}` } },
      ports: [{ protocol: 'TCP', port: 443 }],
    },
  };
}

type Interfaces = Readonly<{ networkInterfaces?: readonly Readonly<{ state?: string }>[] }>;

/** Machines show their interfaces: their list is short. */
async function available(system: System): Promise<number> {
  const { items } = await system.call<{ items: readonly Readonly<{ status?: Interfaces }>[] }>('GET', `${COMPUTE}/machines`);
  return items.flatMap(({ status }) => status?.networkInterfaces ?? []).filter(({ state }) => state === 'Attached').length;
}

/** Whether all are members of their policies and targets of their balancers. Slots are given by then: they come before conditions. */
async function isFurnished(system: System, size: number): Promise<boolean> {
  type Rules = Readonly<{ targets?: readonly unknown[] }>;
  const rules = await system.call<{ items: readonly Rules[] }>('GET', `${NETWORKING}/networkpolicyrules`);
  type Routing = Readonly<{ destinations?: readonly unknown[] }>;
  const routings = await system.call<{ items: readonly Routing[] }>('GET', `${NETWORKING}/loadbalancerroutings`);
  const members = rules.items.reduce((sum, { targets = [] }) => sum + targets.length, 0);
  const targets = routings.items.reduce((sum, { destinations = [] }) => sum + destinations.length, 0);
  return members === size && targets === size;
}
