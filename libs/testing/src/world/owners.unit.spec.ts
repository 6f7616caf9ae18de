/** Owners and what they own (http-api 12, resources 1.9), across the kinds of all contexts. */
import type { JsonObject, ObjectKey, OwnerReference } from '@weft/api';
import { WrittenLog } from '../spec/written-log.ts';
import { weftDomains } from './weft-domains.ts';
import { World } from './world.ts';

const GROUPS: Readonly<Record<string, string>> = {
  Network: 'networking.ironcore.dev/v1alpha1',
  VirtualIP: 'networking.ironcore.dev/v1alpha1',
  LoadBalancer: 'networking.ironcore.dev/v1alpha1',
  NetworkPolicy: 'networking.ironcore.dev/v1alpha1',
  Prefix: 'ipam.ironcore.dev/v1alpha1',
  Machine: 'compute.ironcore.dev/v1alpha1',
  AddressPool: 'fabric.weft.dev/v1alpha1',
};
const SPECS: Readonly<Record<string, JsonObject>> = {
  VirtualIP: { type: 'Public', ipFamily: 'IPv4' },
  LoadBalancer: { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' } },
  NetworkPolicy: { networkRef: { name: 'net' }, policyTypes: ['Ingress'] },
  Prefix: { prefix: '10.0.0.0/24' },
  AddressPool: { prefixes: ['192.0.2.0/24'] },
};
const HELD = ['example.com/hold'];

class Family {
  readonly world: World;

  constructor(seed: number) {
    this.world = new World({ seed, duplicates: 0.3, lag: seed % 2 === 0 ? 0.3 : 0, conflicts: 0.1 });
    this.world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  }

  key(kind: string, name: string, namespace = 'ns'): ObjectKey {
    return kind === 'AddressPool' || kind === 'Namespace' ? { kind, name } : { kind, namespace, name };
  }

  /** A reference to what lives now under this name. */
  to(kind: string, name: string, more: Partial<OwnerReference> = {}): OwnerReference {
    const { apiVersion, metadata } = this.world.object(this.key(kind, name))!;
    return { apiVersion, kind, name, uid: metadata.uid, ...more };
  }

  make(kind: string, name: string, owners: readonly OwnerReference[] = [], more: JsonObject = {}): this {
    const { namespace } = this.key(kind, name) as { namespace?: string };
    const ownerReferences = owners as readonly object[] as readonly JsonObject[];
    const metadata = {
      ...(namespace !== undefined && { namespace }),
      name,
      ...(owners.length > 0 && { ownerReferences: [...ownerReferences] }),
      ...more,
    };
    const object = { apiVersion: GROUPS[kind] ?? 'v1', kind, metadata, spec: SPECS[kind] ?? {} };
    const reply = this.world.create(object);
    if (!reply.ok) throw new Error(reply.status.message);
    return this;
  }

  drop(kind: string, name: string, propagationPolicy?: string): this {
    const reply = this.world.send({ verb: 'delete', key: this.key(kind, name), ...(propagationPolicy && { propagationPolicy }) });
    if (!reply.ok) throw new Error(reply.status.message);
    this.world.settle();
    return this;
  }

  letGo(kind: string, name: string): this {
    this.world.patch(this.key(kind, name), { metadata: { finalizers: null } });
    return this;
  }

  is(kind: string, name: string): 'there' | 'going' | 'gone' {
    const object = this.world.object(this.key(kind, name));
    return object === undefined ? 'gone' : object.metadata.deletionTimestamp === undefined ? 'there' : 'going';
  }

  owners(kind: string, name: string): readonly string[] {
    return (this.world.object(this.key(kind, name))?.metadata.ownerReferences ?? []).map((owner) => owner.name);
  }
}

describe.each([1, 2, 3, 4])('What an object owns, loops in the order of seed %i', (seed) => {
  let family: Family;
  beforeEach(() => {
    family = new Family(seed);
  });
  afterEach(() => {
    expect(family.world.refusals).toEqual([]);
  });

  it('http-api 12, Background: goes after it, of whatever context, and so does what that owns', () => {
    family.make('Machine', 'm');
    for (const kind of ['Prefix', 'LoadBalancer', 'NetworkPolicy', 'Network']) family.make(kind, 'of-m', [family.to('Machine', 'm')]);
    family.make('VirtualIP', 'of-balancer', [family.to('LoadBalancer', 'of-m')]);
    family.drop('Machine', 'm', 'Background');
    for (const kind of ['Prefix', 'LoadBalancer', 'NetworkPolicy', 'Network'])
      expect([kind, family.is(kind, 'of-m')]).toEqual([kind, 'gone']);
    expect(family.is('VirtualIP', 'of-balancer')).toBe('gone');
  });

  it('stays while another owner lives, and goes with the last one', () => {
    family.make('Machine', 'm').make('Prefix', 'p');
    family.make('Network', 'both', [family.to('Machine', 'm'), family.to('Prefix', 'p')]);
    family.drop('Machine', 'm');
    expect(family.is('Network', 'both')).toBe('there');
    family.drop('Prefix', 'p');
    expect(family.is('Network', 'both')).toBe('gone');
  });

  it('goes when another object has the name of its owner by now', () => {
    family.make('Machine', 'm', [], { finalizers: HELD });
    const old = family.to('Machine', 'm');
    family.make('Network', 'n', [old]);
    family.drop('Machine', 'm');
    expect(family.is('Network', 'n')).toBe('there');
    family.world.send({ verb: 'patch', key: family.key('Machine', 'm'), patchType: 'merge', patch: { metadata: { finalizers: null } } });
    family.make('Machine', 'm').make('Network', 'of-the-new-one', [family.to('Machine', 'm')]);
    expect([family.is('Network', 'n'), family.is('Network', 'of-the-new-one')]).toEqual(['gone', 'there']);
    family.make('Network', 'late', [old]);
    expect(family.is('Network', 'late')).toBe('gone');
  });

  it('is looked for in its own namespace; an owner without a namespace owns in all of them', () => {
    family.world.create({ kind: 'Namespace', metadata: { name: 'other' } });
    family.make('Machine', 'm').make('AddressPool', 'pool');
    const owners = [family.to('Machine', 'm'), family.to('AddressPool', 'pool')];
    for (const [name, owner] of owners.entries()) {
      const metadata = { namespace: 'other', name: `n${name}`, ownerReferences: [owner as object as JsonObject] };
      family.world.create({ apiVersion: GROUPS['Network']!, kind: 'Network', metadata, spec: {} });
    }
    const is = (name: string) => family.world.get(family.key('Network', name, 'other')) !== undefined;
    expect([is('n0'), is('n1')]).toEqual([false, true]);
    family.drop('AddressPool', 'pool');
    expect(is('n1')).toBe(false);
  });

  it('stays when nobody here can know whether its owner is gone', () => {
    const foreign = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'u' };
    const otherGroup = { apiVersion: 'cluster.x-k8s.io/v1', kind: 'Machine', name: 'm', uid: 'u' };
    const nowhere = { apiVersion: GROUPS['Machine']!, kind: 'Machine', name: 'm', uid: 'u' };
    family.make('Network', 'a', [foreign]).make('Network', 'b', [otherGroup]).make('Network', 'c', [foreign, nowhere]);
    family.make('AddressPool', 'd', [nowhere]).make('Network', 'e', [nowhere]);
    const is = ['a', 'b', 'c', 'e'].map((name) => family.is('Network', name));
    expect([...is, family.is('AddressPool', 'd')]).toEqual(['there', 'there', 'there', 'gone', 'there']);
  });

  it('is not asked about twice while its own finalizers hold it', () => {
    family.make('Machine', 'm').make('Network', 'n', [family.to('Machine', 'm')], { finalizers: HELD });
    family.drop('Machine', 'm');
    expect(family.is('Network', 'n')).toBe('going');
    expect(family.letGo('Network', 'n').is('Network', 'n')).toBe('gone');
  });

  it('goes when the reference to the owner that keeps it is removed', () => {
    family.make('Machine', 'm').make('Prefix', 'p');
    const gone = family.to('Machine', 'm') as object as JsonObject;
    family.make('Network', 'n', [family.to('Machine', 'm'), family.to('Prefix', 'p')]).drop('Machine', 'm');
    expect(family.is('Network', 'n')).toBe('there');
    family.world.patch(family.key('Network', 'n'), { metadata: { ownerReferences: [gone] } });
    expect(family.is('Network', 'n')).toBe('gone');
  });

  it('goes when an owner that is not there is added, and stays when the reference is removed', () => {
    const nowhere = { apiVersion: GROUPS['Machine']!, kind: 'Machine', name: 'm', uid: 'u' };
    family
      .make('Network', 'n')
      .make('Machine', 'm')
      .make('Network', 'freed', [family.to('Machine', 'm')]);
    family.world.patch(family.key('Network', 'n'), { metadata: { ownerReferences: [nowhere] } });
    family.world.patch(family.key('Network', 'freed'), { metadata: { ownerReferences: null } });
    family.drop('Machine', 'm');
    expect([family.is('Network', 'n'), family.is('Network', 'freed')]).toEqual(['gone', 'there']);
  });

  it('http-api 12, Orphan: loses its reference and stays; its other owner is kept', () => {
    family.make('Machine', 'm').make('Prefix', 'p');
    family
      .make('LoadBalancer', 'one', [family.to('Machine', 'm')])
      .make('Network', 'two', [family.to('Machine', 'm'), family.to('Prefix', 'p')]);
    family.drop('Machine', 'm', 'Orphan');
    expect([family.is('Machine', 'm'), family.is('LoadBalancer', 'one'), family.owners('LoadBalancer', 'one')]).toEqual([
      'gone',
      'there',
      [],
    ]);
    expect([family.is('Network', 'two'), family.owners('Network', 'two')]).toEqual(['there', ['p']]);
  });

  it('http-api 12, Foreground: goes before it, and holds it if it blocks it', () => {
    family.make('Machine', 'm');
    family.make('Network', 'blocks', [family.to('Machine', 'm', { blockOwnerDeletion: true })], { finalizers: HELD });
    family.make('Prefix', 'plain', [family.to('Machine', 'm')], { finalizers: HELD });
    family.make('VirtualIP', 'free', [family.to('Machine', 'm', { blockOwnerDeletion: true })]);
    family.drop('Machine', 'm', 'Foreground');
    expect(family.world.object(family.key('Machine', 'm'))?.metadata.finalizers).toEqual(['foregroundDeletion']);
    expect(['Network', 'Prefix', 'VirtualIP', 'Machine'].map((kind, i) => family.is(kind, ['blocks', 'plain', 'free', 'm'][i]!))).toEqual([
      'going',
      'going',
      'gone',
      'going',
    ]);
    family.letGo('Network', 'blocks');
    expect([family.is('Machine', 'm'), family.is('Prefix', 'plain')]).toEqual(['gone', 'going']);
  });

  it('in the foreground, what that owns goes first of all', () => {
    family.make('Machine', 'm').make('Network', 'n', [family.to('Machine', 'm', { blockOwnerDeletion: true })]);
    family.make('Prefix', 'p', [family.to('Network', 'n', { blockOwnerDeletion: true })], { finalizers: HELD });
    family.drop('Machine', 'm', 'Foreground');
    expect([family.is('Machine', 'm'), family.is('Network', 'n'), family.is('Prefix', 'p')]).toEqual(['going', 'going', 'going']);
    family.letGo('Prefix', 'p');
    expect([family.is('Machine', 'm'), family.is('Network', 'n'), family.is('Prefix', 'p')]).toEqual(['gone', 'gone', 'gone']);
  });

  it('in the foreground, what another owner keeps is let go', () => {
    family.make('Machine', 'm').make('Prefix', 'p');
    family.make('Network', 'both', [family.to('Machine', 'm', { blockOwnerDeletion: true }), family.to('Prefix', 'p')]);
    family.drop('Machine', 'm', 'Foreground');
    expect([family.is('Machine', 'm'), family.is('Network', 'both'), family.owners('Network', 'both')]).toEqual(['gone', 'there', ['p']]);
  });

  it('two that own each other go, in the background and in the foreground', () => {
    for (const [name, policy] of [
      ['a', 'Background'],
      ['b', 'Foreground'],
    ] as const) {
      family.make('Machine', name).make('Network', name, [family.to('Machine', name, { blockOwnerDeletion: true })]);
      const back = family.to('Network', name, { blockOwnerDeletion: true }) as object as JsonObject;
      const itself = family.to('Machine', name, { blockOwnerDeletion: true }) as object as JsonObject;
      family.world.patch(family.key('Machine', name), { metadata: { ownerReferences: [back, itself] } });
      family.drop('Machine', name, policy);
      expect([policy, family.is('Machine', name), family.is('Network', name)]).toEqual([policy, 'gone', 'gone']);
    }
  });

  it('a policy that is asked for takes the place of finalizers that say otherwise; without one they decide', () => {
    const own = (name: string, finalizer: string) =>
      family.make('Machine', name, [], { finalizers: [finalizer] }).make('Network', name, [family.to('Machine', name)]);
    own('a', 'orphan').drop('Machine', 'a');
    own('b', 'orphan').drop('Machine', 'b', 'Background');
    own('c', 'foregroundDeletion').drop('Machine', 'c', 'Orphan');
    expect(['a', 'b', 'c'].map((name) => [family.is('Machine', name), family.is('Network', name)])).toEqual([
      ['gone', 'there'],
      ['gone', 'gone'],
      ['gone', 'there'],
    ]);
  });

  it('http-api 12: a second deletion with another policy takes the place of the first; one without a policy changes nothing', () => {
    const family2 = (name: string) => {
      family.make('Machine', name, [], { finalizers: HELD });
      return family.make('Network', name, [family.to('Machine', name, { blockOwnerDeletion: true })], { finalizers: HELD });
    };
    const finalizers = (name: string) => family.world.object(family.key('Machine', name))?.metadata.finalizers;
    family2('a').drop('Machine', 'a', 'Foreground');
    expect(finalizers('a')).toEqual([...HELD, 'foregroundDeletion']);
    family.drop('Machine', 'a');
    expect(finalizers('a')).toEqual([...HELD, 'foregroundDeletion']);
    family.drop('Machine', 'a', 'Background');
    expect(finalizers('a')).toEqual(HELD);
    family.drop('Machine', 'a', 'Orphan');
    expect([finalizers('a'), family.owners('Network', 'a')]).toEqual([HELD, []]);
    // Nothing but the cascade holds this one: in the background it is gone at once.
    family.make('Machine', 'b').make('Network', 'b', [family.to('Machine', 'b', { blockOwnerDeletion: true })], { finalizers: HELD });
    family.drop('Machine', 'b', 'Foreground');
    expect(family.is('Machine', 'b')).toBe('going');
    family.drop('Machine', 'b', 'Background');
    expect([family.is('Machine', 'b'), family.is('Network', 'b')]).toEqual(['gone', 'going']);
  });

  it('goes when everything stops after the end of its owner and begins again', () => {
    family.make('Machine', 'm');
    family.make('Prefix', 'p', [family.to('Machine', 'm')]).make('VirtualIP', 'v', [family.to('Prefix', 'p')]);
    family.drop('Machine', 'm');
    const [end] = family.world.log.filter(({ type }) => type === 'MachineEnded.v1');
    for (const { position } of family.world.appends.filter((append) => append.position >= end!.position)) {
      const again = family.world.fork(position);
      again.settle();
      expect([...again.fold.list('Prefix'), ...again.fold.list('VirtualIP')]).toEqual([]);
    }
  });
});

describe('What the loops are asked', () => {
  const M: ObjectKey = { kind: 'Machine', namespace: 'ns', name: 'm' };
  const network = (i: number): ObjectKey => ({ kind: 'Network', namespace: 'ns', name: `n${i}` });
  const own = (log: WrittenLog, key: ObjectKey, uid: string) => {
    const ownerReferences = [{ apiVersion: GROUPS['Machine']!, kind: 'Machine', name: 'm', uid }];
    log.happen(key, { type: 'OwnerReferencesChanged.v1', data: { ownerReferences } });
  };
  /** A machine that owns many networks. */
  const given = (count: number) => {
    const log = new WrittenLog(weftDomains);
    log.create({ kind: 'Namespace', name: 'ns' });
    const uid = log.create(M);
    for (let i = 0; i < count; i++) {
      log.create(network(i));
      own(log, network(i), uid);
    }
    return { log, uid };
  };

  it('does not grow with what an owner owns while that comes, changes and goes', () => {
    const { log, uid } = given(300);
    expect(log.owed('collect-garbage-Network')).toEqual([]);
    const asked = log.asked(() => {
      log.create(network(300));
      own(log, network(300), uid);
      log.happen(network(7), { type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } });
      log.end(network(8));
    });
    expect(asked).not.toHaveProperty('collect-garbage-Network');
    expect(asked).not.toHaveProperty('end-cascades-network');
  });

  it('is nothing for objects without owners', () => {
    const { log } = given(0);
    const asked = log.asked(() => log.create(network(0)));
    expect(Object.keys(asked).filter((loop) => /^(collect|end-cascades|create-|delete-)/.test(loop))).toEqual([]);
  });

  it('comes in parts that are bounded', () => {
    const { log } = given(300);
    log.end(M);
    expect(log.asked(() => {})).toEqual({});
    const first = log.owed('collect-garbage-Network') as readonly { key: ObjectKey }[];
    for (const { key } of first) log.end(key);
    expect([first.length, log.owed('collect-garbage-Network').length]).toEqual([256, 44]);
  });

  it('is the deletion of what two owners have that both go in the foreground: each of them would let it go to the other one', () => {
    const log = new WrittenLog(weftDomains);
    log.create({ kind: 'Namespace', name: 'ns' });
    const ownerReferences = ['m', 'n'].map((name) => {
      const uid = log.create({ kind: 'Machine', namespace: 'ns', name }, { finalizers: ['foregroundDeletion'] });
      return { apiVersion: GROUPS['Machine']!, kind: 'Machine', name, uid, blockOwnerDeletion: true };
    });
    const uid = log.create(network(0));
    log.happen(network(0), { type: 'OwnerReferencesChanged.v1', data: { ownerReferences } });
    const [m] = ownerReferences;
    log.requestDeletion(M);
    expect(log.owed('end-cascades-network')).toMatchObject([{ key: network(0), action: 'DropOwner', payload: { uid, owner: m?.uid } }]);
    log.requestDeletion({ ...M, name: 'n' });
    const deletion = { target: 'object', key: network(0), verb: 'delete', uid };
    expect(log.owed('end-cascades-network')).toEqual([deletion, deletion]);
  });
});
