/** Server-side apply by its published semantics (http-api 11): who owns what, and what becomes of it. */
import { contextOf, factsOf } from '@weft/testing';
import fc from 'fast-check';
import { keptCommand } from '../append/kept-command.ts';
import type { WriteOptions } from '../command/command.ts';
import { absent, advance, foldStream } from '../fold/evolve.ts';
import type { Folded } from '../kind/kind.ts';
import type { ObjectKey } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { withManagers } from '../managers/managers.ts';
import { registry } from '../registry/registry.ts';
import type { Status } from '../status/status.ts';
import { testDomain, testKind } from '../testing/test-kind.ts';
import { decideObject } from './decide-object.ts';
import type { ObjectCommand } from './deciding.ts';
import { foldFacts } from './preview.ts';

const kinds = registry([testDomain]);
const KEY: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const namespace = foldStream(kinds, { kind: 'Namespace', name: 'ns' }, [
  {
    id: 'e',
    type: 'NamespaceCreated.v1',
    data: { metadata: { name: 'ns', uid: 'n', creationTimestamp: '2026-01-01T00:00:00Z' } },
    stream: 'Namespace-.ns',
    revision: 0n,
    position: 1n,
    metadata: {
      actor: { user: 't', verified: false },
      requestId: 'r',
      $correlationId: 'c',
      $causationId: 'c',
      time: '2026-01-01T00:00:00.000Z',
      append: { index: 0, count: 1 },
    },
  },
]);

/** One object and those who write it. */
class Site {
  state: Folded = absent(kinds, KEY);
  #writes = 0;

  create(manager: string | undefined, spec: JsonObject, metadata: JsonObject = {}) {
    const object = { metadata: { name: 'a', ...metadata }, ...(Object.keys(spec).length > 0 && { spec }) };
    return this.send({ verb: 'create', kind: 'Thing', namespace: 'ns', object, options: by(manager) });
  }

  apply(manager: string, spec: JsonObject, { metadata = {}, ...options }: WriteOptions & { metadata?: JsonObject } = {}) {
    const patch = {
      apiVersion: 'test.weft.dev/v1',
      kind: 'Thing',
      metadata: { name: 'a', ...metadata },
      ...(Object.keys(spec).length > 0 && { spec }),
    };
    return this.send({ verb: 'patch', key: KEY, patchType: 'apply', patch, options: { fieldManager: manager, ...options } });
  }

  merge(manager: string | undefined, patch: JsonObject) {
    return this.send({ verb: 'patch', key: KEY, patchType: 'merge', patch, options: by(manager) });
  }

  replace(manager: string, change: (object: JsonObject & { metadata: JsonObject; spec: JsonObject }) => void) {
    const object = structuredClone(this.served) as JsonObject & { metadata: JsonObject; spec: JsonObject };
    change(object);
    return this.send({ verb: 'replace', key: KEY, object, options: by(manager) });
  }

  /** The types of the facts, or the refusal. */
  send(command: ObjectCommand): readonly string[] | Status {
    this.#writes++;
    const context = contextOf({ facts: factsOf([namespace]), now: `2026-01-02T03:04:${String(this.#writes % 60).padStart(2, '0')}.000Z` });
    const decision = decideObject(kinds, command, this.state, { ...context, externalProvider: true });
    if (decision.outcome === 'repeated') throw new Error('not a repeat');
    if (decision.outcome === 'rejected') return decision.status;
    const actor = { user: 'someone', verified: false };
    this.state = foldFacts(kinds, this.state, decision.facts, context, keptCommand(command, actor));
    return decision.facts.map(({ type }) => type);
  }

  /** What a loop does. */
  act(action: string, payload: JsonObject) {
    const context = contextOf();
    const decision = decideObject(kinds, { verb: 'act', key: KEY, action, payload }, this.state, context);
    if (decision.outcome !== 'accepted') throw new Error(`${action} was refused`);
    decision.facts.forEach(({ type, data }, index) => {
      const event = {
        id: `act-${index}`,
        type,
        data,
        stream: 'Thing-ns.a',
        revision: (this.state.revision as bigint) + 1n,
        position: this.state.position,
        metadata: {
          actor: { user: 'system:loop:paint', verified: true },
          requestId: 'r',
          $correlationId: 'c',
          $causationId: 'c',
          time: context.now,
          append: { index, count: decision.facts.length },
        },
      };
      this.state = advance(kinds, this.state, event, { requests: false });
    });
  }

  get served(): JsonObject {
    return withManagers(testKind, this.state.object, this.state) as unknown as JsonObject;
  }

  get spec(): JsonValue | undefined {
    return this.state.object.spec as JsonValue | undefined;
  }

  /** Of each manager its fields: those of a creator end with (Update). */
  get managers(): Record<string, JsonValue> {
    const { managedFields = [] } = this.served['metadata'] as {
      managedFields?: { manager: string; operation: string; fieldsV1: JsonValue }[];
    };
    return Object.fromEntries(managedFields.map(({ manager, operation, fieldsV1 }) => [`${manager} ${operation}`, fieldsV1]));
  }
}

const by = (manager: string | undefined): WriteOptions => (manager === undefined ? {} : { fieldManager: manager });
const CREATED = ['ThingCreated.v1', 'FieldManagersChanged.v1'];
const conflict = (message: string, ...fields: string[]) =>
  expect.objectContaining({
    code: 409,
    reason: 'Conflict',
    message,
    details: { causes: fields.map((field) => expect.objectContaining({ reason: 'FieldManagerConflict', field })) },
  });

describe('Applying', () => {
  it('creates what is not there, and owns what it says and no default', () => {
    const site = new Site();
    expect(site.apply('m', { colour: 'red', words: ['a'], parts: [{ name: 'x' }] }, { metadata: { labels: { app: 'w' } } })).toEqual(
      CREATED,
    );
    expect(site.spec).toEqual({ colour: 'red', size: 1, words: ['a'], parts: [{ name: 'x' }] });
    expect(site.managers).toEqual({
      'm Apply': {
        'f:metadata': { 'f:labels': { 'f:app': {} } },
        'f:spec': { 'f:colour': {}, 'f:words': {}, 'f:parts': { 'k:{"name":"x"}': { '.': {}, 'f:name': {} } } },
      },
    });
  });

  it('the same again changes nothing', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', parts: [{ name: 'x' }] });
    expect(site.apply('m', { colour: 'red', parts: [{ name: 'x' }] })).toEqual([]);
  });

  it('what another applied is a conflict, which names manager and field', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', size: 2 });
    expect(site.apply('n', { colour: 'blue' })).toEqual(
      conflict('Apply failed with 1 conflict: conflict with "m": .spec.colour', '.spec.colour'),
    );
    expect(site.apply('n', { colour: 'blue', size: 3 })).toEqual(
      conflict('Apply failed with 2 conflicts: conflicts with "m":\n- .spec.colour\n- .spec.size', '.spec.colour', '.spec.size'),
    );
    expect(site.spec).toEqual({ colour: 'red', size: 2 });
  });

  it('with force takes the field over', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', size: 2 });
    expect(site.apply('n', { colour: 'blue' }, { force: true })).toEqual([
      'FieldManagersChanged.v1',
      'ThingFieldChanged.v1',
      'GenerationChanged.v1',
    ]);
    expect(site.managers).toEqual({ 'm Apply': { 'f:spec': { 'f:size': {} } }, 'n Apply': { 'f:spec': { 'f:colour': {} } } });
    // Whoever lost it and applies it again, meets a conflict in turn.
    expect(site.apply('m', { colour: 'red', size: 2 })).toMatchObject({ code: 409 });
  });

  it('the same value makes both own it, and it stays until both have let go', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', size: 2 });
    expect(site.apply('n', { colour: 'red', size: 2 })).toEqual(['FieldManagersChanged.v1']);
    site.apply('m', { colour: 'red' });
    expect(site.spec).toEqual({ colour: 'red', size: 2 });
    site.apply('n', { colour: 'red' });
    expect(site.spec).toEqual({ colour: 'red', size: 1 });
  });

  it('without a field that it applied before removes it, unless it was written by others since', () => {
    const site = new Site();
    site.apply(
      'm',
      { colour: 'red', notes: { a: '1', b: '2' }, heart: { name: 'h' }, words: ['a', 'b'] },
      { metadata: { labels: { x: '1', y: '2' } } },
    );
    site.merge('editor', { metadata: { labels: { y: '3', z: '4' } }, spec: { notes: { b: '5' } } });
    site.apply('m', { colour: 'red' });
    expect(site.spec).toEqual({ colour: 'red', size: 1, notes: { b: '5' } });
    expect(site.state.object.metadata.labels).toEqual({ y: '3', z: '4' });
    expect(site.managers).toEqual({
      'm Apply': { 'f:spec': { 'f:colour': {} } },
      'editor Update': { 'f:metadata': { 'f:labels': { 'f:y': {}, 'f:z': {} } }, 'f:spec': { 'f:notes': { 'f:b': {} } } },
    });
  });

  it('elements of a list by key are added, changed and removed by themselves', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', parts: [{ name: 'x' }, { name: 'y' }] });
    expect(site.apply('n', { parts: [{ name: 'z' }, { name: 'y' }] })).toEqual([
      'FieldManagersChanged.v1',
      'ThingFieldChanged.v1',
      'GenerationChanged.v1',
    ]);
    expect(site.spec).toMatchObject({ parts: [{ name: 'x' }, { name: 'y' }, { name: 'z' }] });
    site.apply('m', { colour: 'red' });
    expect(site.spec).toMatchObject({ parts: [{ name: 'y' }, { name: 'z' }] });
    site.apply('n', {});
    expect(site.spec).toEqual({ colour: 'red', size: 1 });
  });

  it('a list without a key is one value', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', words: ['a', 'b'] });
    expect(site.apply('n', { words: ['a'] })).toEqual(
      conflict('Apply failed with 1 conflict: conflict with "m": .spec.words', '.spec.words'),
    );
    site.apply('n', { words: ['a'] }, { force: true });
    expect(site.spec).toMatchObject({ words: ['a'] });
  });

  it('finalizers are a set, to which each adds its own', () => {
    const site = new Site();
    site.apply('m', { colour: 'red' }, { metadata: { finalizers: ['x/m'] } });
    site.apply('n', {}, { metadata: { finalizers: ['x/n', 'x/m'] } });
    expect(site.managers['n Apply']).toEqual({ 'f:metadata': { 'f:finalizers': { 'v:"x/n"': {}, 'v:"x/m"': {} } } });
    site.apply('m', { colour: 'red' });
    expect(site.state.object.metadata.finalizers).toEqual(['x/m', 'x/n']);
    site.apply('n', {});
    expect(site.state.object.metadata.finalizers).toBeUndefined();
  });

  it('addresses in another spelling are the same value', () => {
    const site = new Site();
    site.apply('m', { colour: 'red', ip: '2001:db8::1' });
    expect(site.apply('m', { colour: 'red', ip: '2001:0DB8:0::1' })).toEqual([]);
    expect(site.apply('n', { ip: '2001:DB8::0001' })).toEqual(['FieldManagersChanged.v1']);
  });

  it.each<[string, JsonObject, JsonObject, number, RegExp]>([
    ['an unknown field', { colour: 'red', sise: 3 }, {}, 422, /unknown field "spec.sise"/],
    ['two elements of one key', { parts: [{ name: 'x' }, { name: 'x' }] }, {}, 422, /spec.parts: Invalid value.*"name" of its own/],
    ['an element without a key', { parts: [{}] }, {}, 422, /spec.parts: Invalid value/],
    ['managed fields', { colour: 'red' }, { managedFields: [{ manager: 'x' }] }, 400, /metadata.managedFields must be nil/],
    ['another name', { colour: 'red' }, { name: 'b' }, 400, /does not match the name on the URL/],
    ['another namespace', { colour: 'red' }, { namespace: 'other' }, 400, /namespace of the provided object does not match/],
    ['what the rules refuse', { size: 3 }, {}, 422, /spec.colour: Required value/],
  ])('%s is refused, whether the object is there or not', (_what, spec, metadata, code, message) => {
    const site = new Site();
    expect(site.apply('m', spec, { metadata })).toMatchObject({ code, message: expect.stringMatching(message) });
    site.apply('first', { colour: 'red' });
    // An object that has the field already may be applied without it.
    if (spec['colour'] === undefined && spec['size'] === 3) return;
    expect(site.apply('m', spec, { metadata })).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('needs a manager, and keeps to the version that it names', () => {
    const site = new Site();
    const patch = { metadata: { name: 'a' }, spec: { colour: 'red' } };
    expect(site.send({ verb: 'patch', key: KEY, patchType: 'apply', patch })).toMatchObject({
      code: 422,
      message: /fieldManager: Required value/ as never,
    });
  });
});

describe('What was written without apply', () => {
  it('belongs to its creator, for which nothing is stored', () => {
    const site = new Site();
    expect(site.create('kubectl-create', { colour: 'red', notes: { a: '1' } }, { labels: { x: '1' } })).toEqual(['ThingCreated.v1']);
    expect(site.managers).toEqual({
      'kubectl-create Update': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } },
        'f:spec': { '.': {}, 'f:colour': {}, 'f:size': {}, 'f:notes': { '.': {}, 'f:a': {} } },
      },
    });
    expect(site.merge('kubectl-create', { spec: { notes: { b: '2' } } })).toEqual(['ThingFieldChanged.v1', 'GenerationChanged.v1']);
    expect(site.managers['kubectl-create Update']).toMatchObject({ 'f:spec': { 'f:notes': { '.': {}, 'f:a': {}, 'f:b': {} } } });
  });

  it('is taken silently by whoever writes it next', () => {
    const site = new Site();
    site.create('one', { colour: 'red', size: 2 });
    expect(site.merge('two', { spec: { size: 3 } })).toContain('FieldManagersChanged.v1');
    expect(site.managers).toEqual({
      'one Update': { 'f:spec': { '.': {}, 'f:colour': {} } },
      'two Update': { 'f:spec': { 'f:size': {} } },
    });
    // The same fields again: nothing more to store.
    expect(site.merge('two', { spec: { size: 4 } })).toEqual(['ThingFieldChanged.v1', 'GenerationChanged.v1']);
    site.merge('one', { spec: { size: null } });
    expect(site.managers).toEqual({ 'one Update': { 'f:spec': { '.': {}, 'f:colour': {}, 'f:size': {} } } });
  });

  it('is a conflict for who applies another value, with the version in which it was written', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    expect(site.apply('m', { colour: 'blue' })).toEqual(
      conflict('Apply failed with 1 conflict: conflict with "one" using test.weft.dev/v1: .spec.colour', '.spec.colour'),
    );
    expect(site.apply('m', { colour: 'red' })).toEqual(['FieldManagersChanged.v1']);
  });

  it('by nobody known, belongs to before-first-apply as soon as somebody applies', () => {
    const site = new Site();
    site.create(undefined, { colour: 'red', size: 2 });
    site.merge('two', { spec: { size: 3 } });
    expect(site.managers).toEqual({});
    expect(site.apply('m', { colour: 'blue' })).toEqual(
      conflict('Apply failed with 1 conflict: conflict with "before-first-apply" using test.weft.dev/v1: .spec.colour', '.spec.colour'),
    );
    site.apply('m', { colour: 'blue' }, { force: true });
    expect(site.managers).toEqual({
      'before-first-apply Update': { 'f:spec': { '.': {}, 'f:size': {} } },
      'm Apply': { 'f:spec': { 'f:colour': {} } },
    });
  });

  it('of many managers becomes that of ten', () => {
    const site = new Site();
    site.create('m0', { colour: 'red' });
    for (let i = 1; i <= 14; i++) site.merge(`m${i}`, { metadata: { labels: { [`l${i}`]: 'x' } } });
    const names = Object.keys(site.managers);
    expect(names).toHaveLength(10);
    expect(names).toEqual(expect.arrayContaining(['ancient-changes Update', 'm14 Update', 'm6 Update']));
    expect(site.managers['ancient-changes Update']).toMatchObject({
      'f:spec': {},
      'f:metadata': { 'f:labels': { 'f:l1': {}, 'f:l5': {} } },
    });
  });

  it('and what a loop writes is nobody’s: the creator does not have it, and who moves to apply does not take it away', () => {
    const site = new Site();
    site.create('kubectl-client-side-apply', { colour: 'red', notes: { a: '1' } });
    site.act('Paint', { colour: 'blue' });
    const fields = { 'f:spec': { '.': {}, 'f:size': {}, 'f:notes': { '.': {}, 'f:a': {} } } };
    expect(site.managers).toEqual({ 'kubectl-client-side-apply Update': fields });
    site.apply('kubectl', { notes: { a: '1' } });
    expect(site.managers['kubectl-client-side-apply Update']).toEqual(fields);
    const moved = [{ manager: 'kubectl', operation: 'Apply', apiVersion: 'test.weft.dev/v1', fieldsType: 'FieldsV1', fieldsV1: fields }];
    site.merge('kubectl', { metadata: { managedFields: moved } });
    site.apply('kubectl', {}, { metadata: { labels: { x: '1' } } });
    expect(site.spec).toEqual({ colour: 'blue', size: 1 });
    // Who writes it next has it.
    site.merge('editor', { spec: { colour: 'green' } });
    expect(site.managers['editor Update']).toEqual({ 'f:spec': { 'f:colour': {} } });
  });

  it('is the creator’s again once the creator writes it', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    site.act('Paint', { colour: 'blue' });
    site.merge('one', { spec: { colour: 'green' } });
    expect(site.managers).toEqual({ 'one Update': { 'f:spec': { '.': {}, 'f:colour': {}, 'f:size': {} } } });
  });

  it('is given up by whoever removes it', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    site.merge('two', { metadata: { labels: { x: '1', y: '2' } } });
    site.merge('two', { metadata: { labels: { x: null } } });
    expect(site.managers['two Update']).toEqual({ 'f:metadata': { 'f:labels': { '.': {}, 'f:y': {} } } });
  });

  it('by one name is that of one manager for applies, and of others for what else it writes, and for the status', () => {
    const site = new Site();
    site.create('m', { colour: 'red' });
    expect(site.apply('m', { colour: 'blue' })).toEqual(
      conflict('Apply failed with 1 conflict: conflict with "m" using test.weft.dev/v1: .spec.colour', '.spec.colour'),
    );
    const patch = { status: { state: 'Ready' } };
    site.send({ verb: 'patch', key: KEY, patchType: 'merge', patch, subresource: 'status', options: by('m') });
    site.merge('m', { spec: { size: 3 } });
    const { managedFields } = site.served['metadata'] as { managedFields: JsonObject[] };
    expect(managedFields.map(({ subresource = 'none' }) => subresource).sort()).toEqual(['none', 'status']);
  });

  it('in the status has a manager of its own', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    const options = by('provider');
    site.send({ verb: 'patch', key: KEY, patchType: 'merge', patch: { status: { state: 'Ready' } }, subresource: 'status', options });
    expect(site.served['metadata']).toMatchObject({
      managedFields: expect.arrayContaining([
        expect.objectContaining({ manager: 'provider', subresource: 'status', fieldsV1: { 'f:status': { '.': {}, 'f:state': {} } } }),
      ]),
    });
    const applied = { verb: 'patch', key: KEY, patchType: 'apply', patch: { status: { state: 'Broken' } }, subresource: 'status' } as const;
    expect(site.send({ ...applied, options: by('other') })).toMatchObject({
      message: 'Apply failed with 1 conflict: conflict with "provider" with subresource "status" using test.weft.dev/v1: .status.state',
    });
    expect(site.send({ ...applied, options: { ...by('other'), force: true } })).toEqual(['StatusReplaced.v1', 'FieldManagersChanged.v1']);
    expect(site.state.object).toMatchObject({ spec: { colour: 'red' }, status: { state: 'Broken' } });
    // Applied to the object itself, a status says nothing.
    expect(
      site.send({
        ...applied,
        subresource: undefined as never,
        patch: { spec: { colour: 'red' }, status: { state: 'X' } },
        options: by('m'),
      }),
    ).toEqual(['FieldManagersChanged.v1']);
    expect(site.managers['m Apply']).toEqual({ 'f:spec': { 'f:colour': {} } });
  });
});

describe('metadata.managedFields', () => {
  it('sent back as they were read change nothing', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    expect(site.replace('one', () => {})).toEqual([]);
    expect(site.replace('two', () => {})).toEqual([]);
    expect(site.replace('one', ({ spec }) => Object.assign(spec, { notes: { a: '1' } }))).toEqual([
      'ThingFieldChanged.v1',
      'GenerationChanged.v1',
    ]);
    site.apply('m', { colour: 'red' });
    expect(site.replace('two', () => {})).toEqual([]);
    expect(site.replace('two', ({ spec }) => Object.assign(spec, { size: 4 }))).toContain('FieldManagersChanged.v1');
    expect(site.managers['two Update']).toEqual({ 'f:spec': { 'f:size': {} } });
  });

  it('may be replaced, as kubectl does when an object moves from client-side to server-side apply (http-api 11.3)', () => {
    const site = new Site();
    site.create('kubectl-client-side-apply', { colour: 'red', size: 2 }, { annotations: { last: 'x' } });
    site.apply('kubectl', { colour: 'red', size: 2 }, { force: true });
    const before = site.served['metadata'] as { managedFields: JsonObject[]; resourceVersion: string };
    const moved = before.managedFields.filter(({ operation }) => operation === 'Apply');
    expect(
      site.send({
        verb: 'patch',
        key: KEY,
        patchType: 'json',
        patch: [
          { op: 'replace', path: '/metadata/managedFields', value: moved },
          { op: 'replace', path: '/metadata/resourceVersion', value: before.resourceVersion },
        ],
        options: by('kubectl'),
      }),
    ).toEqual(['FieldManagersChanged.v1']);
    expect(Object.keys(site.managers)).toEqual(['kubectl Apply']);
    site.apply('kubectl', { colour: 'red' });
    expect(site.spec).toEqual({ colour: 'red', size: 1 });
  });

  it('may be replaced where they are not stored', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    const value = [
      {
        manager: 'm',
        operation: 'Apply',
        apiVersion: 'test.weft.dev/v1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:spec': { 'f:colour': {} } },
      },
    ];
    const patch = [{ op: 'replace', path: '/metadata/managedFields', value }];
    expect(site.send({ verb: 'patch', key: KEY, patchType: 'json', patch, options: by('one') })).toEqual(['FieldManagersChanged.v1']);
    expect(Object.keys(site.managers)).toEqual(['m Apply']);
  });

  it('with one empty entry are forgotten, and followed again from the next apply on', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    expect(site.merge('two', { metadata: { managedFields: [{}] } })).toEqual(['FieldManagersChanged.v1']);
    expect(site.managers).toEqual({});
    expect(site.merge('two', { metadata: { managedFields: [{}] } })).toEqual([]);
    expect(site.merge('two', { spec: { size: 3 } })).toEqual(['ThingFieldChanged.v1', 'GenerationChanged.v1']);
    site.apply('m', { colour: 'red' });
    expect(Object.keys(site.managers)).toEqual(['before-first-apply Update', 'm Apply']);
  });

  it('that would take more room than the object are not followed, and nobody can apply any more', () => {
    const site = new Site();
    const annotations = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`a${i}`, 'x']));
    site.create('one', { colour: 'red' }, { annotations });
    expect(site.managers).toEqual({});
    expect(site.merge('two', { spec: { size: 4 } })).toEqual(['ThingFieldChanged.v1', 'GenerationChanged.v1']);
    expect(site.apply('m', { colour: 'red' })).toMatchObject({ code: 413 });
  });

  it('that are none are refused', () => {
    const site = new Site();
    site.create('one', { colour: 'red' });
    const bad = [{ manager: 'x', operation: 'Steal', fieldsType: 'FieldsV1', fieldsV1: {} }];
    expect(site.merge('two', { metadata: { managedFields: bad } })).toMatchObject({
      code: 422,
      message: expect.stringContaining('metadata.managedFields[0].operation: Invalid value: "Steal": must be `Apply` or `Update`'),
    });
  });
});

describe('Whatever several managers apply in whatever order', () => {
  const name = fc.constantFrom('x', 'y', 'z');
  const config = fc.record(
    {
      size: fc.integer({ min: 1, max: 3 }),
      notes: fc.dictionary(name, name, { minKeys: 1, noNullPrototype: true }),
      parts: fc.uniqueArray(name, { minLength: 1 }).map((names) => names.map((each) => ({ name: each }))),
      words: fc.array(name, { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  const applies = fc.array(fc.tuple(fc.constantFrom('m', 'n', 'o'), config), { minLength: 1, maxLength: 8 });

  it('the object has what each applied last and nobody took, nothing that nobody applied, and a repeat changes nothing', () => {
    fc.assert(
      fc.property(applies, (steps) => {
        const site = new Site();
        site.apply('base', { colour: 'red' });
        const last = new Map<string, JsonObject>();
        for (const [manager, spec] of steps) {
          site.apply(manager, spec as JsonObject, { force: true });
          last.set(manager, spec as JsonObject);
          expect(site.apply(manager, spec as JsonObject)).toEqual([]);
          expect(site.spec).toMatchObject({ ...spec, ...(spec.parts && { parts: expect.arrayContaining(spec.parts) }) });
        }
        const { notes = {}, parts = [], ...others } = site.spec as { notes?: object; parts?: { name: string }[] };
        const applied = [...last.values()] as { notes?: object; parts?: { name: string }[] }[];
        const has = (key: string) => applied.some((spec) => Object.hasOwn(spec, key));
        for (const each of Object.keys(notes)) expect(applied.some((spec) => Object.hasOwn(spec.notes ?? {}, each))).toBe(true);
        for (const part of parts) expect(applied.some((spec) => spec.parts?.some((other) => other.name === part.name))).toBe(true);
        for (const each of Object.keys(others)) expect(['colour', 'size'].includes(each) || has(each)).toBe(true);
        for (const manager of last.keys()) site.apply(manager, {}, { force: true });
        expect(site.spec).toEqual({ colour: 'red', size: 1 });
        expect(Object.keys(site.managers)).toEqual(['base Apply']);
      }),
    );
  });
});
