/** A World with Prefixes, for tests. */
import { type JsonObject, type ObjectKey, presentationOf } from '@weft/api';
import { networkDomain } from '@weft/network';
import { World, type WorldOptions } from '@weft/testing';
import { ipamDomain } from '../index.ts';

const IPAM = 'ipam.ironcore.dev/v1alpha1';
const keyIn = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });
export const prefixKey = (name: string): ObjectKey => keyIn('Prefix', name);
export const allocationKey = (name: string): ObjectKey => keyIn('PrefixAllocation', name);

export type Allocation = Readonly<{
  metadata: Readonly<{ name: string; labels?: Readonly<Record<string, string>> }>;
  spec: JsonObject;
  status: Readonly<{ phase: string; prefix?: string }>;
}>;

export class PrefixSite {
  readonly world: World;

  constructor(options: WorldOptions = {}) {
    this.world = new World({ domains: [networkDomain, ipamDomain], ...options });
    this.world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
  }

  /** As people send it, without waiting for the loops; gives the reply. */
  send(kind: string, name: string, spec: JsonObject, labels: JsonObject = {}, requestId?: string) {
    const object = { apiVersion: IPAM, kind, metadata: { namespace: 'ns', name, labels }, spec };
    return this.world.send({ verb: 'create', kind, namespace: 'ns', object }, requestId === undefined ? {} : { requestId });
  }

  prefix(name: string, spec: JsonObject, labels: JsonObject = {}): this {
    expect(this.send('Prefix', name, spec, labels)).toMatchObject({ ok: true });
    this.world.settle();
    return this;
  }

  /** A child that asks `parent` for a range of this length, or for this very range. */
  child(name: string, parent: string, request: number | string): this {
    const wanted = typeof request === 'number' ? { ipFamily: 'IPv4', prefixLength: request } : { prefix: request };
    return this.prefix(name, { ...wanted, parentRef: { name: parent } });
  }

  allocation(name: string, spec: JsonObject): this {
    expect(this.send('PrefixAllocation', name, spec)).toMatchObject({ ok: true });
    this.world.settle();
    return this;
  }

  delete(...keys: readonly ObjectKey[]): this {
    for (const key of keys) this.world.delete(key);
    return this;
  }

  uid(name: string): string {
    return this.world.object(prefixKey(name))?.metadata.uid ?? '';
  }

  spec(name: string): JsonObject | undefined {
    return this.world.object(prefixKey(name))?.spec as JsonObject | undefined;
  }

  range(name: string): string | undefined {
    return this.phase(name) === 'Allocated' ? (this.spec(name)?.['prefix'] as string | undefined) : undefined;
  }

  phase(name: string, keyOf = prefixKey): string | undefined {
    return this.world.object(keyOf(name))?.status?.['phase'] as string | undefined;
  }

  /** As it is shown to clients. */
  used(name: string): readonly string[] {
    const state = this.world.get(prefixKey(name));
    const kind = this.world.registry.kind('Prefix');
    if (state === undefined || kind === undefined) return [];
    return (presentationOf(kind, state).whole.status?.['used'] ?? []) as readonly string[];
  }

  /** Those that the Prefix of this name controls. */
  allocations(name: string): readonly Allocation[] {
    const uid = this.uid(name);
    return [...this.world.fold.list('PrefixAllocation')]
      .filter(({ object }) => object.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid))
      .map(({ object }) => object as unknown as Allocation);
  }

  condition(key: ObjectKey, type = 'Ready') {
    const { conditions = [] } = (this.world.object(key)?.status ?? {}) as {
      conditions?: readonly Readonly<{ type: string; status: string; reason: string; message: string }>[];
    };
    return conditions.find((each) => each.type === type);
  }
}
