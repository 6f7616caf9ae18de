/** A World with pools of public addresses and objects that want them, for tests. */
import { type JsonObject, type ObjectKey, publicAddressGrants } from '@weft/api';
import { networkDomain } from '@weft/network';
import { World, type WorldOptions } from '@weft/testing';
import { ipamDomain } from '../index.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const FABRIC = 'fabric.weft.dev/v1alpha1';
export const vipKey = (name: string): ObjectKey => ({ kind: 'VirtualIP', namespace: 'ns', name });
export const nicKey = (name: string): ObjectKey => ({ kind: 'NetworkInterface', namespace: 'ns', name });
export const poolKey = (name: string): ObjectKey => ({ kind: 'AddressPool', name });

export type Condition = Readonly<{ type: string; status: string; reason: string; message: string }>;

export class Site {
  readonly world: World;

  constructor(options: WorldOptions = {}) {
    this.world = new World({ domains: [networkDomain, ipamDomain], ...options });
    this.world.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns' } });
    this.world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { namespace: 'ns', name: 'net' } });
  }

  /** As people send it; gives the reply. */
  send(kind: string, name: string, spec: JsonObject, metadata: JsonObject = {}) {
    const [apiVersion, namespaced] = kind === 'AddressPool' ? [FABRIC, {}] : [NETWORKING, { namespace: 'ns' }];
    const object = { apiVersion, kind, metadata: { ...metadata, ...namespaced, name }, spec };
    const reply = this.world.send({ verb: 'create', kind, ...namespaced, object });
    this.world.settle();
    return reply;
  }

  pool(name: string, prefixes: readonly string[], more: JsonObject = {}) {
    return this.send('AddressPool', name, { prefixes: [...prefixes], ...more });
  }

  vip(name: string, ipFamily = 'IPv4', labels: JsonObject = {}): this {
    this.send('VirtualIP', name, { type: 'Public', ipFamily }, { labels });
    return this;
  }

  nic(name: string, ip: string, virtualIp?: string): this {
    const virtualIP = virtualIp === undefined ? {} : { virtualIP: { virtualIPRef: { name: virtualIp } } };
    this.send('NetworkInterface', name, { networkRef: { name: 'net' }, ips: [{ value: ip }], ...virtualIP });
    return this;
  }

  names(nic: string, virtualIp: string | null): this {
    const virtualIP = virtualIp === null ? null : { virtualIPRef: { name: virtualIp } };
    this.world.patch(nicKey(nic), { spec: { virtualIP } });
    return this;
  }

  uid(key: ObjectKey): string {
    return this.world.object(key)?.metadata.uid ?? '';
  }

  ip(vip: string): string | undefined {
    return this.world.object(vipKey(vip))?.status?.['ip'] as string | undefined;
  }

  holder(vip: string): string | undefined {
    return (this.world.object(vipKey(vip))?.spec?.['targetRef'] as { name?: string } | undefined)?.name;
  }

  condition(key: ObjectKey, type: string): Condition | undefined {
    const { conditions = [] } = (this.world.object(key)?.status ?? {}) as { conditions?: readonly Condition[] };
    return conditions.find((each) => each.type === type);
  }

  /** Address -> key of its grant, of all addresses that are held at present. */
  held(): ReadonlyMap<string, string> {
    const held = new Map<string, string>();
    for (const [key, grant] of this.world.fold.records(publicAddressGrants.ledger)) {
      const { ip } = grant as { ip?: string };
      if (ip === undefined) continue;
      expect(held.get(ip)).toBeUndefined();
      held.set(ip, key);
    }
    return held;
  }
}
