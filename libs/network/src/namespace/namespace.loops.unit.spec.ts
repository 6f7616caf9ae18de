import type { DomainModule, Draft, KindModule, ObjectKey } from '@weft/api';
import { World, WrittenLog } from '@weft/testing';
import { machineKey, namespaceKey, networkDomain, networkKey } from '../index.ts';
import { namespace, network } from '../testing/manifests.ts';
import { DELETIONS_MAX } from './namespace.loops.ts';

/** A kind that the network context does not know. */
const pool: KindModule = {
  group: 'lb.test',
  version: 'v1',
  kind: 'Pool',
  plural: 'pools',
  singular: 'pool',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'lb',
  partitionKey: ({ namespace: space = '' }) => space,
  hasStatus: false,
  tracksGeneration: false,
  columns: [],
  schema: {},
  defaults: (object) => object,
  rules: () => [],
  evolve: {},
  initialFacts: {},
  facetOf: () => undefined,
};
const lb: DomainModule = { context: 'lb', kinds: [pool], reservations: [] };
const NS = namespaceKey('ns');
const poolKey = (name: string, space = 'ns'): ObjectKey => ({ kind: 'Pool', namespace: space, name });
const LOOPS = networkDomain.loopsOverKinds!([...networkDomain.kinds, pool]);

class Space extends WrittenLog {
  constructor({ finalizers = ['kubernetes'] }: { finalizers?: string[] } = {}) {
    super([networkDomain, lb]);
    this.create(NS, { spec: { finalizers } });
  }

  /** What the loops of the namespace owe, with deletions as `<kind> <name> <uid>`. */
  get owes(): readonly (string | object)[] {
    return this.owed(...LOOPS).map((draft: Draft) => {
      if (draft.target === 'object' && 'verb' in draft && draft.verb === 'delete')
        return `${draft.key.kind} ${draft.key.name} ${draft.uid}`;
      return 'action' in draft ? [draft.action, ...Object.values(draft.payload)] : draft;
    });
  }

  reported(message: string): void {
    const condition = { type: 'NamespaceContentRemaining', status: 'True', reason: 'SomeResourcesRemain', message };
    this.happen(NS, { type: 'ConditionChanged.v1', data: condition });
  }
}

describe('A namespace that stays', () => {
  it('owes nothing, whatever is in it', () => {
    const space = new Space();
    space.create(networkKey('ns', 'a'));
    space.create(poolKey('p'));
    expect(space.owes).toEqual([]);
  });
});

describe('A namespace that is being deleted', () => {
  it('is finalized when nothing is in it', () => {
    const space = new Space();
    space.create(networkKey('other', 'elsewhere'));
    space.create(namespaceKey('other'));
    space.requestDeletion(NS);
    expect(space.owes).toEqual([['Finalize']]);
  });

  it('deletes what is in it, last registered kinds first, and says what it waits for', () => {
    const space = new Space();
    const a = space.create(networkKey('ns', 'a'));
    const m = space.create(machineKey('ns', 'm'));
    const p = space.create(poolKey('p'));
    space.requestDeletion(NS);
    const message = 'waits for Machine m, Network a, Pool p';
    const deletions = [`Pool p ${p}`, `Machine m ${m}`, `Network a ${a}`];
    expect(space.owes).toEqual([['ReportRemaining', message], ...deletions]);
    space.reported(message);
    expect(space.owes).toEqual(deletions);
  });

  it('deletes each object once, and waits for its finalizers, which it names', () => {
    const space = new Space();
    space.create(poolKey('p'), { finalizers: ['a.b/1', 'a.b/2', 'a.b/3', 'a.b/4', 'a.b/5', 'a.b/6'] });
    space.create(poolKey('q'));
    space.requestDeletion(NS);
    space.requestDeletion(poolKey('p'));
    space.requestDeletion(poolKey('q'));
    const message = 'waits for Pool p (finalizers a.b/1, a.b/2, a.b/3, a.b/4, a.b/5 and others), Pool q';
    expect(space.owes).toEqual([['ReportRemaining', message]]);
    space.reported(message);
    expect(space.owes).toEqual([]);
    space.happen(poolKey('p'), { type: 'FinalizersChanged.v1', data: { finalizers: ['a.b/1'] } });
    expect(space.owes).toEqual([['ReportRemaining', 'waits for Pool p (finalizers a.b/1), Pool q']]);
    space.end(poolKey('p'));
    space.end(poolKey('q'));
    expect(space.owes).toEqual([['Finalize']]);
  });

  it('names no object while there are more than fit into a line', () => {
    const space = new Space();
    for (let i = 0; i < 6; i++) space.create(poolKey(`p${i}`));
    space.requestDeletion(NS);
    expect(space.owes[0]).toEqual(['ReportRemaining', 'what is in it is being deleted']);
    space.end(poolKey('p0'));
    expect(space.owes[0]).toEqual(['ReportRemaining', 'waits for Pool p1, Pool p2, Pool p3, Pool p4, Pool p5']);
  });

  it('owes a bounded number of deletions at a time', () => {
    const space = new Space();
    for (let i = 0; i < DELETIONS_MAX; i++) space.create(poolKey(`p${i}`));
    const a = space.create(networkKey('ns', 'a'));
    space.requestDeletion(NS);
    space.reported('what is in it is being deleted');
    expect(space.owes).toHaveLength(DELETIONS_MAX);
    space.requestDeletion(poolKey('p7'));
    expect([space.owes.length, space.owes.at(-1)]).toEqual([DELETIONS_MAX, `Network a ${a}`]);
  });

  it('deletes late objects also after it was emptied, and reports nothing then', () => {
    const space = new Space({ finalizers: ['a.b/c'] });
    space.requestDeletion(NS);
    expect(space.owes).toEqual([]);
    const p = space.create(poolKey('p'));
    expect(space.owes).toEqual([`Pool p ${p}`]);
  });
});

describe('An object in a namespace that does not exist', () => {
  it('is deleted, kind by kind', () => {
    const space = new Space();
    const p = space.create(poolKey('p', 'gone'));
    const a = space.create(networkKey('gone', 'a'));
    const still = space.create(poolKey('q', 'gone'));
    expect([...space.owes].sort()).toEqual([`Network a ${a}`, `Pool p ${p}`, `Pool q ${still}`]);
    space.requestDeletion(poolKey('q', 'gone'));
    expect(space.owes).toHaveLength(2);
    space.create(namespaceKey('gone'));
    expect(space.owes).toEqual([]);
  });

  it('is deleted also when the namespace existed before', () => {
    const space = new Space();
    space.end(NS);
    const p = space.create(poolKey('p'));
    expect(space.owes).toEqual([`Pool p ${p}`]);
  });

  it('is deleted in bounded parts', () => {
    const space = new Space();
    for (let i = 0; i <= DELETIONS_MAX; i++) space.create(poolKey(`p${i}`, 'gone'));
    expect(space.owes).toHaveLength(DELETIONS_MAX);
  });
});

describe('A deleted namespace', () => {
  it('is emptied of the kinds of every context, and stays until it is', () => {
    const world = new World({ domains: [networkDomain, lb] });
    world.create(namespace('ns'));
    world.create(network('net'));
    world.create({ apiVersion: 'lb.test/v1', kind: 'Pool', metadata: { namespace: 'ns', name: 'held', finalizers: ['a.b/c'] } });
    world.create({ apiVersion: 'lb.test/v1', kind: 'Pool', metadata: { namespace: 'ns', name: 'free' } });
    const held = { kind: 'Pool', namespace: 'ns', name: 'held' };
    world.delete(namespaceKey('ns'));
    expect([world.fold.count('Pool', 'ns'), world.fold.count('Network', 'ns')]).toEqual([1, 0]);
    expect(world.object(held)?.metadata.deletionTimestamp).toBeDefined();
    expect(world.object(namespaceKey('ns'))?.status?.['phase']).toBe('Terminating');
    world.send({ verb: 'patch', key: held, patchType: 'merge', patch: { metadata: { finalizers: null } } });
    world.settle();
    expect([world.get(held), world.get(namespaceKey('ns'))]).toEqual([undefined, undefined]);
  });
});
