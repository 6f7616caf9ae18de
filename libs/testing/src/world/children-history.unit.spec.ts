/** Random histories of parents and what is made for them (resources 1.9, 1.10): whatever people do, in whatever order, all children are as wanted. */
import { conditionOf, type JsonObject, type ObjectKey } from '@weft/api';
import { below, type Random, randomOf } from './random.ts';
import { World } from './world.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const STEPS = 60;
const PARENTS = ['Machine', 'NetworkInterface', 'LoadBalancer'];
const CHILDREN = ['NetworkInterface', 'Prefix', 'VirtualIP'];
const MARKER = 'common.ironcore.dev/ephemeral-managed-by';
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

const prefixSource = (n: number): JsonObject => ({
  ephemeral: { prefixTemplate: { spec: { ipFamily: 'IPv4', prefix: `10.0.0.${n}/32` } } },
});
const virtualIp = (policy: string): JsonObject => ({
  ephemeral: { virtualIPTemplate: { spec: { type: 'Public', ipFamily: 'IPv4', reclaimPolicy: policy } } },
});

class History {
  readonly world: World;
  readonly #random: Random;
  #addresses = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.world = new World({ seed, duplicates: 0.4, lag: seed % 2 === 1 ? 0.5 : 0, conflicts: 0.2 });
    this.world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
    this.world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { namespace: 'ns', name: 'net' } });
    const pool = { prefixes: ['203.0.113.0/24'] };
    this.world.create({ apiVersion: 'fabric.weft.dev/v1alpha1', kind: 'AddressPool', metadata: { name: 'p' }, spec: pool });
  }

  /** An interface, as an object of its own or as a template. Each has an address of its own, since one that is in use is refused for good. */
  #interface(): JsonObject {
    const random = this.#random;
    const address = ++this.#addresses;
    const ips = random() < 0.5 ? [{ value: `10.0.${1 + (address >> 8)}.${address & 255}` }] : [prefixSource(address)];
    const virtualIP = pick(random, [undefined, virtualIp('Delete'), virtualIp('Retain')]);
    return { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips, ...(virtualIP && { virtualIP }) };
  }

  #slots(): JsonObject[] {
    return ['a', 'b', 'c'].flatMap((name): JsonObject[] => {
      const kind = below(this.#random, 3);
      if (kind === 0) return [];
      if (kind === 1) return [{ name, networkInterfaceRef: { name: 'x' } }];
      return [{ name, ephemeral: { networkInterfaceTemplate: { spec: this.#interface() } } }];
    });
  }

  step(): void {
    const random = this.#random;
    const { world } = this;
    const key = (kind: string, name: string): ObjectKey => ({ kind, namespace: 'ns', name });
    const [machine, nic, balancer] = [pick(random, ['m', 'n']), pick(random, ['x', 'y', 'm-a']), pick(random, ['l', 'x'])];
    const object = (kind: string, name: string, spec: JsonObject, apiVersion = NETWORKING) =>
      world.send({ verb: 'create', kind, namespace: 'ns', object: { apiVersion, kind, metadata: { namespace: 'ns', name }, spec } });
    const patch = (of: ObjectKey, body: JsonObject) => world.send({ verb: 'patch', key: of, patchType: 'merge', patch: body });
    const any = pick(
      random,
      CHILDREN.flatMap((kind) => [...world.fold.list(kind)].map((state) => state.key)),
    );
    const policy = pick(random, [undefined, undefined, 'Foreground', 'Orphan']);
    const actions: (() => unknown)[] = [
      () => object('Machine', machine, { networkInterfaces: this.#slots() }, 'compute.ironcore.dev/v1alpha1'),
      () => patch(key('Machine', machine), { spec: { networkInterfaces: this.#slots() } }),
      () => object('NetworkInterface', nic, this.#interface()),
      () => patch(key('NetworkInterface', nic), { spec: { ips: [prefixSource(++this.#addresses)] } }),
      () => patch(key('NetworkInterface', nic), { spec: { virtualIP: pick(random, [null, virtualIp('Delete'), virtualIp('Retain')]) } }),
      () =>
        object('LoadBalancer', balancer, { type: 'Internal', ipFamilies: ['IPv4'], networkRef: { name: 'net' }, ips: [prefixSource(1)] }),
      () => patch(key('LoadBalancer', balancer), { spec: { type: pick(random, ['Internal', 'Public']), ips: [prefixSource(2)] } }),
      () => world.send({ verb: 'delete', key: key('Machine', machine), ...(policy && { propagationPolicy: policy }) }),
      () => world.send({ verb: 'delete', key: key('NetworkInterface', nic), ...(policy && { propagationPolicy: policy }) }),
      () => world.send({ verb: 'delete', key: key('LoadBalancer', balancer) }),
      () => object('Prefix', pick(random, ['x-0', 'l-0', 'm-a-0']), { prefix: '10.9.0.0/24' }, 'ipam.ironcore.dev/v1alpha1'),
      () => object('VirtualIP', nic, { type: 'Public', ipFamily: 'IPv4' }),
      () => any && world.send({ verb: 'delete', key: any }),
      () => any && patch(any, { metadata: { finalizers: [...this.#finalizers(any), 'example.com/hold'] } }),
      () => any && patch(any, { metadata: { finalizers: this.#finalizers(any) } }),
      () => world.pass(below(random, 8_000)),
    ];
    pick(random, actions)();
    if (random() < 0.5) world.settle();
  }

  #finalizers(key: ObjectKey): string[] {
    return (this.world.object(key)?.metadata.finalizers ?? []).filter((each) => each !== 'example.com/hold');
  }

  letAllGo(): void {
    const held = [...PARENTS, ...CHILDREN].flatMap((kind) => [...this.world.fold.list(kind)].map(({ key }) => key));
    for (const key of held)
      this.world.send({ verb: 'patch', key, patchType: 'merge', patch: { metadata: { finalizers: this.#finalizers(key) } } });
    this.world.settle();
  }
}

/** Names of the children that a parent wants, by kind. */
function wantedOf({ kind, metadata, spec }: JsonObject): readonly string[] {
  const { name } = metadata as { name: string };
  const fields = (spec ?? {}) as Record<string, JsonObject[] | JsonObject | undefined>;
  const inline = (list: unknown) => ((list ?? []) as JsonObject[]).map((each) => each['ephemeral'] !== undefined);
  if (kind === 'Machine') {
    const slots = (fields['networkInterfaces'] ?? []) as JsonObject[];
    return slots.filter((slot) => slot['ephemeral'] !== undefined).map((slot) => `NetworkInterface ${name}-${slot['name']}`);
  }
  const prefixes = inline(fields['ips']).flatMap((is, i) => (is ? [`Prefix ${name}-${i}`] : []));
  const vip = (fields['virtualIP'] as JsonObject | undefined)?.['ephemeral'] !== undefined;
  return kind === 'LoadBalancer' ? prefixes : [...prefixes, ...(vip ? [`VirtualIP ${name}`] : [])];
}

function isOwned(world: World, key: ObjectKey, uid: string): boolean {
  return world.object(key)?.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
}

describe.each(Array.from({ length: 16 }, (_, i) => i + 1))('After the random history of seed %i', (seed) => {
  it('each parent has the children that it wants, or says which are not its own, and nobody else has any', () => {
    const history = new History(seed);
    const { world } = history;
    for (let step = 0; step < STEPS; step++) history.step();
    history.letAllGo();
    const wanted = new Map<string, string>();
    for (const kind of PARENTS) {
      for (const { object, key } of world.fold.list(kind)) {
        expect([kind, key.name, object.metadata.deletionTimestamp]).toEqual([kind, key.name, undefined]);
        const { uid } = object.metadata;
        for (const text of wantedOf(object as unknown as JsonObject)) {
          const [childKind = '', name = ''] = text.split(' ');
          const child = { kind: childKind, namespace: 'ns', name };
          expect([text, world.object(child)?.metadata.name]).toEqual([text, name]);
          const retained =
            childKind === 'VirtualIP' && (world.object(child)?.spec?.['targetRef'] as JsonObject | undefined)?.['uid'] === uid;
          if (isOwned(world, child, uid) || (retained && world.object(child)?.metadata.annotations?.[MARKER] !== undefined))
            wanted.set(text, uid);
          else {
            const types = ['EphemeralInterfacesCreated', 'EphemeralPrefixesCreated', 'EphemeralVirtualIPCreated'];
            const said = types
              .flatMap((type) => conditionOf(object, type) ?? [])
              .filter(({ message }) => message.includes(`${childKind} `));
            expect([text, said.map(({ reason }) => reason)]).toEqual([text, ['NameInUse']]);
          }
        }
      }
    }
    for (const kind of CHILDREN) {
      for (const { object, key } of world.fold.list(kind)) {
        const [owner] = object.metadata.ownerReferences ?? [];
        if (owner === undefined) continue;
        const parent = { kind: owner.kind, namespace: 'ns', name: owner.name };
        expect([key.name, world.object(parent)?.metadata.uid]).toEqual([key.name, owner.uid]);
        expect([key.name, wanted.get(`${kind} ${key.name}`)]).toEqual([key.name, owner.uid]);
      }
    }
    expect(world.refusals).toEqual([]);
    world.delete({ kind: 'Namespace', name: 'ns' });
    world.pass(60_000);
    expect(world.get({ kind: 'Namespace', name: 'ns' })).toBeUndefined();
    for (const kind of CHILDREN) expect([...world.fold.list(kind)]).toEqual([]);
    expect(world.refusals).toEqual([]);
  });
});
