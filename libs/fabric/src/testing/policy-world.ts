/** A World with policies and all that they select, and the rows of it as an agent has them: each change of a table is applied whole. They are made in slices. */
import type { Change, JsonObject, ObjectKey, TableChanges } from '@weft/api';
import { below, type Random, World, WorldAgent, type WorldOptions } from '@weft/testing';
import { policyTables } from '../policy/policy.oracle.ts';
import { policies } from '../policy/policy.projection.ts';
import { RowProjection } from '../rows/row-projection.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
type Tables = Map<string, Map<string, JsonObject>>;

export class PolicyWorld extends World {
  readonly tables: Tables = new Map();
  /** All changes of rows, in order. */
  readonly deltas: TableChanges[] = [];
  readonly #rows: RowProjection;

  constructor(options: WorldOptions = {}) {
    super(options);
    let nowMs = 0;
    this.#rows = new RowProjection(policies, this.registry, this.fold, () => nowMs++);
    this.watch((change) => this.#take(this.#inSlices(change)));
    this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  }

  /** Registers a host that never reports. */
  host(name: string): void {
    new WorldAgent(this, name, '2001:db8::1').register();
  }

  /** Creates an interface and a machine for it, on a host. */
  up(object: JsonObject, host = 'h'): void {
    const { name } = object['metadata'] as { name: string };
    if (this.get({ kind: 'Host', name: host }) === undefined) this.host(host);
    this.create(object);
    this.create(machine(`of-${name}`, host, [name]));
  }

  get evaluations(): number {
    return this.#rows.evaluations;
  }

  /** The rows as another projection makes them that begins now. */
  loadedNow(): Tables {
    const tables: Tables = new Map();
    apply(tables, new RowProjection(policies, this.registry, this.fold).settle());
    return tables;
  }

  /** As `policy.oracle.ts` makes them. */
  recomputed(): ReadonlyMap<string, ReadonlyMap<string, JsonObject>> {
    return policyTables(this.fold.all());
  }

  /** Of the network with this name; empty while it has no number. */
  rowsOf(network = 'net'): ReadonlyMap<string, JsonObject> {
    return this.tables.get(`policies.${this.vniOf(network)}`) ?? new Map();
  }

  vniOf(network = 'net'): number {
    return Number(this.get(keyOf('Network', network))?.facts['vni'] ?? 0);
  }

  uidOf(kind: string, name: string): string {
    return this.object(keyOf(kind, name))?.metadata.uid ?? '';
  }

  memberRow(kind: string, name: string, network = 'net'): JsonObject | undefined {
    return this.rowsOf(network).get(`member/${this.uidOf(kind, name)}`);
  }

  #inSlices(change: Change): readonly TableChanges[] {
    let made = this.#rows.slice(change, 3);
    while (made === undefined) made = this.#rows.slice(undefined, 3);
    return made;
  }

  #take(changes: readonly TableChanges[]): void {
    this.deltas.push(...changes);
    apply(this.tables, changes);
  }
}

export function apply(tables: Tables, changes: readonly TableChanges[]): void {
  for (const { table, changes: rows } of changes) {
    const present = tables.get(table) ?? new Map<string, JsonObject>();
    tables.set(table, present);
    for (const { key, row } of rows) {
      if (row === undefined) present.delete(key);
      else present.set(key, row);
    }
    if (present.size === 0) tables.delete(table);
  }
}

/** In one order. */
export function textOf(tables: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    [...tables].sort(byKey).map(([table, rows]) => [table, [...rows].sort(byKey).map(([key, row]) => `${key} ${JSON.stringify(row)}`)]),
  );
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// --- manifests ----------------------------------------------------------------------------------------------------------------------------------

export const keyOf = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });

function object(kind: string, name: string, spec: JsonObject, labels: JsonObject = {}): JsonObject {
  return { apiVersion: NETWORKING, kind, metadata: { namespace: 'ns', name, labels }, spec };
}

export const network = (name = 'net'): JsonObject => object('Network', name, {});
export const nic = (name: string, labels: JsonObject, ips: readonly string[], net = 'net'): JsonObject =>
  object('NetworkInterface', name, { networkRef: { name: net }, ips: ips.map((value) => ({ value })) }, labels);
export const machine = (name: string, host: string, nics: readonly string[]): JsonObject => ({
  apiVersion: 'compute.ironcore.dev/v1alpha1',
  kind: 'Machine',
  metadata: { namespace: 'ns', name },
  spec: {
    machineClassRef: { name: 'small' },
    machinePoolRef: { name: host },
    networkInterfaces: nics.map((each) => ({ name: each, networkInterfaceRef: { name: each } })),
  },
});
export const balancer = (name: string, labels: JsonObject, net = 'net'): JsonObject =>
  object(
    'LoadBalancer',
    name,
    { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: net }, ports: [{ protocol: 'TCP', port: 80 }] },
    labels,
  );
export const virtualIp = (name: string, labels: JsonObject): JsonObject =>
  object('VirtualIP', name, { type: 'Public', ipFamily: 'IPv4' }, labels);
/** For all interfaces of the network, unless `spec` says otherwise. */
export const policy = (name: string, spec: JsonObject, net = 'net'): JsonObject =>
  object('NetworkPolicy', name, { networkRef: { name: net }, ...spec });
export const selecting = (kind: string, matchLabels: JsonObject): JsonObject => ({ objectSelector: { kind, matchLabels } });
export const POOL: JsonObject = {
  apiVersion: 'fabric.weft.dev/v1alpha1',
  kind: 'AddressPool',
  metadata: { name: 'public' },
  spec: { prefixes: ['203.0.113.0/24'] },
};

// --- chance -------------------------------------------------------------------------------------------------------------------------------------

export function picker(random: Random) {
  return <T>(of: readonly T[]): T => of[below(random, of.length)] as T;
}

/** A spec of a policy about interfaces, balancers and virtual IPs with the labels `app: a…c` and `tier: x, y`. */
export function randomPolicySpec(random: Random): JsonObject {
  const pick = picker(random);
  const some = <T>(make: () => T): T[] => Array.from({ length: below(random, 3) }, make);
  const selector = (): JsonObject =>
    pick<() => JsonObject>([
      () => ({}),
      () => ({ matchLabels: { app: pick(APPS) } }),
      () => ({ matchLabels: { app: pick(APPS), tier: pick(TIERS) } }),
      () => ({ matchExpressions: [{ key: 'app', operator: pick(['In', 'NotIn']), values: some(() => pick(APPS)).concat('a') }] }),
      () => ({ matchExpressions: [{ key: 'tier', operator: pick(['Exists', 'DoesNotExist']) }] }),
    ])();
  const peer = (): JsonObject =>
    pick<() => JsonObject>([
      () => ({ objectSelector: { kind: 'NetworkInterface', ...selector() } }),
      () => ({ objectSelector: { kind: pick(['LoadBalancer', 'VirtualIP']), ...selector() } }),
      () => ({ ipBlock: { cidr: '10.0.0.0/28', except: some(() => pick(['10.0.0.1/32', '10.0.0.2/31'])) } }),
      () => ({ ipBlock: { cidr: '203.0.113.0/25' } }),
    ])();
  const port = (): JsonObject =>
    pick<JsonObject>([{ port: 80 }, { protocol: 'UDP' }, { protocol: 'SCTP', port: 80 }, { port: 80, endPort: 90 }]);
  const rule = (side: 'from' | 'to'): JsonObject => ({ [side]: some(peer), ports: some(port) });
  return {
    networkInterfaceSelector: selector(),
    ingress: some(() => rule('from')),
    egress: some(() => rule('to')),
    policyTypes: pick([['Ingress'], ['Egress'], ['Egress', 'Ingress']]),
  };
}

export const APPS = ['a', 'b', 'c'];
export const TIERS = ['x', 'y'];
export function randomLabels(random: Random): JsonObject {
  const pick = picker(random);
  return { app: pick(APPS), ...(below(random, 2) === 0 && { tier: pick(TIERS) }) };
}
