/** Random stories of a small fabric in which commands do not compete for anything, so they can be told again without some of them. */
import { type Command, type JsonObject, type ObjectKey, uuidv5 } from '@weft/api';
import { below, randomOf, World, WorldAgent } from '@weft/testing';
import type { TraceRequest } from '../trace/trace-request.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const IDS = '6f1d3c5e-0000-5000-8000-00000000000d';
const HOSTS = ['a', 'b'];
const NETWORKS = ['red', 'blue'];
const NICS = ['red-1', 'red-2', 'blue-3', 'blue-4'];
const POLICIES = ['one', 'two'];
const TIERS = ['web', 'db'];
const PORTS = [80, 443];

export type Step = Readonly<{ requestId: string; command: Command }>;

/**
 * Each command has an id of its own, which it keeps when the story is told again. Each has written something: what is refused or changes nothing leaves no trace
 * in the log, and might do something where others are left out.
 */
export function storyOf(seed: number, steps: number): readonly Step[] {
  const random = randomOf(seed);
  const pick = <T>(of: readonly T[]): T => of[below(random, of.length)] as T;
  const there = new Set<string>();
  const story: Step[] = [];
  const tell = (command: Command) => void story.push({ requestId: uuidv5(IDS, `${seed} ${story.length}`), command });
  const change = (kind: string, name: string) => {
    const id = `${kind} ${name}`;
    if (there.has(id)) tell({ verb: 'delete', key: keyOf(kind, name) });
    else tell({ verb: 'create', kind, namespace: 'ns', object: objectOf(kind, name, pick) });
    if (!there.delete(id)) there.add(id);
  };
  for (const name of NETWORKS) change('Network', name);
  for (const name of NICS) for (const kind of ['NetworkInterface', 'Machine']) change(kind, name);
  const label = () =>
    tell({
      verb: 'patch',
      key: keyOf('NetworkInterface', pick(NICS)),
      patchType: 'merge',
      patch: { metadata: { labels: { tier: pick([...TIERS, null]) } } },
    });
  const bind = () => {
    const [network, other] = pick([NETWORKS, NETWORKS.toReversed()]);
    const peerings = pick([[], [peering(other as string)]]);
    tell({ verb: 'patch', key: keyOf('Network', network as string), patchType: 'merge', patch: { spec: { peerings } } });
  };
  const policy = () => change('NetworkPolicy', pick(POLICIES));
  const moves = [
    policy,
    policy,
    policy,
    label,
    label,
    bind,
    () => change('Machine', pick(NICS)),
    () => change('NetworkInterface', pick(NICS)),
  ];
  while (story.length < steps) pick(moves)();
  const written = new Set(worldOf(story).log.map(({ metadata }) => metadata.requestId));
  return story.filter(({ requestId }) => written.has(requestId));
}

/**
 * Whether some command is about another incarnation once these are left out: an object whose end is left out keeps its name, and takes what the log says of the
 * next one of that name.
 */
export function isAmbiguous(story: readonly Step[], without: readonly Step[]): boolean {
  return without.some(({ command }) => {
    if (command.verb !== 'delete') return false;
    const later = story.slice(story.findIndex((step) => step.command === command) + 1).map((step) => nameOf(step.command));
    const again = later.indexOf(nameOf(command));
    return again >= 0 && later.includes(nameOf(command), again + 1);
  });
}

function nameOf(command: Command): string {
  if (command.verb === 'create') return `${command.kind} ${(command.object['metadata'] as JsonObject)['name']}`;
  return 'key' in command ? `${command.key.kind} ${command.key.name}` : '';
}

/** Tells a story, or what is left of it, in a new world. */
export function worldOf(story: readonly Step[]): World {
  const world = new World({ inOrder: true });
  world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  const agents = HOSTS.map((host, i) => new WorldAgent(world, host, `192.0.2.${i + 1}`));
  for (const agent of agents) agent.register();
  for (const { command, requestId } of story) {
    world.do(command, { requestId });
    for (const agent of agents) agent.report();
    world.settle();
  }
  return world;
}

/** Between all interfaces that a story may have. */
export const QUESTIONS_OF_STORIES: readonly TraceRequest[] = NICS.flatMap((from) =>
  NICS.filter((to) => to !== from).flatMap((to) =>
    PORTS.map((port): TraceRequest => ({ from: `nic/ns/${from}`, to: `nic/ns/${to}:${port}`, protocol: 'tcp' })),
  ),
);

function keyOf(kind: string, name: string): ObjectKey {
  return { kind, namespace: 'ns', name };
}

function peering(network: string): JsonObject {
  return { name: network, networkRef: { name: network } };
}

function objectOf(kind: string, name: string, pick: <T>(of: readonly T[]) => T): JsonObject {
  const [network = '', number = ''] = name.split('-');
  const tier = pick(TIERS);
  const specs: Record<string, () => JsonObject> = {
    Network: () => ({ peerings: [peering(name === 'red' ? 'blue' : 'red')] }),
    NetworkInterface: () => ({ networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value: `10.0.0.${number}` }] }),
    Machine: () => ({
      machinePoolRef: { name: HOSTS[Number(number) % 2] as string },
      networkInterfaces: [{ name, networkInterfaceRef: { name } }],
    }),
    NetworkPolicy: () => ({
      networkRef: { name: pick(NETWORKS) },
      networkInterfaceSelector: { matchLabels: { tier: pick(TIERS) } },
      policyTypes: ['Ingress'],
      ingress: pick<JsonObject[]>([
        [],
        [{ ports: [{ port: 443 }] }],
        [{ from: [{ objectSelector: { kind: 'NetworkInterface', matchLabels: { tier: pick(TIERS) } } }] }],
      ]),
    }),
  };
  const apiVersion = kind === 'Machine' ? 'compute.ironcore.dev/v1alpha1' : NETWORKING;
  return {
    apiVersion,
    kind,
    metadata: { namespace: 'ns', name, labels: kind === 'NetworkInterface' ? { tier } : {} },
    spec: (specs[kind] as () => JsonObject)(),
  };
}
