import { contextOf, factsOf, SPEC_REQUEST, specFor } from '@weft/testing';
import fc from 'fast-check';
import { uuidv5 } from '../append/uuid.ts';
import { foldStream } from '../fold/evolve.ts';
import type { Fact, Folded } from '../kind/kind.ts';
import type { ApiObject, ObjectKey } from '../kind/object.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { registry } from '../registry/registry.ts';
import { testDomain, testKind } from '../testing/test-kind.ts';
import { decideObject } from './decide-object.ts';
import type { ObjectCommand } from './deciding.ts';
import { hasGeneratedName, keyOfCommand } from './naming.ts';
import { foldFacts, previewOf } from './preview.ts';

const kinds = registry([testDomain]);
const KEY: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const UID = uuidv5(SPEC_REQUEST, 'uid Thing-ns.a');
const given = specFor(kinds, KEY);
const namespaceState = (deleting = false): Folded =>
  foldStream(kinds, { kind: 'Namespace', name: 'ns' }, [
    {
      id: 'e',
      type: 'NamespaceCreated.v1',
      data: {
        metadata: {
          name: 'ns',
          uid: 'n',
          creationTimestamp: '2026-01-01T00:00:00Z',
          ...(deleting && { deletionTimestamp: '2026-01-01T00:00:01Z' }),
        },
      },
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
const facts = factsOf([namespaceState()]);
const birth = (spec: JsonObject = { colour: 'red', size: 1 }, metadata: JsonObject = {}): Fact => ({
  type: 'ThingCreated.v1',
  data: {
    metadata: { name: 'a', namespace: 'ns', uid: 'u-1', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec,
  },
});
const create = (object: JsonObject, options: object = {}): ObjectCommand => ({
  verb: 'create',
  kind: 'Thing',
  namespace: 'ns',
  object,
  options,
});
const replace = (object: JsonObject, options: object = {}): ObjectCommand => ({ verb: 'replace', key: KEY, object, options });
const patch = (
  value: JsonObject | JsonObject[],
  patchType: 'merge' | 'json' | 'strategic' = 'merge',
  options: object = {},
): ObjectCommand => ({
  verb: 'patch',
  key: KEY,
  patchType,
  patch: value,
  options,
});
const remove = (more: object = {}): ObjectCommand => ({ verb: 'delete', key: KEY, ...more });
/** What is served, as a client would send it back. */
const served = (state: Folded, more: (object: ApiObject) => void = () => undefined): JsonObject => {
  const object = structuredClone(state.object);
  more(object);
  return object as unknown as JsonObject;
};

describe('Creating', () => {
  it('gives one fact with the object after defaults, in whole seconds, with ids from the request', () => {
    given()
      .when(create({ metadata: { name: 'a', labels: { x: 'y' } }, spec: { colour: 'red' } }), { facts })
      .thenFacts({
        type: 'ThingCreated.v1',
        data: {
          metadata: { name: 'a', namespace: 'ns', labels: { x: 'y' }, uid: UID, generation: 1, creationTimestamp: '2026-01-02T03:04:05Z' },
          spec: { colour: 'red', size: 1 },
        },
      });
  });

  it('does not take what the server alone sets', () => {
    const metadata = {
      name: 'a',
      uid: 'mine',
      creationTimestamp: null,
      deletionTimestamp: '2020-01-01T00:00:00Z',
      generation: 7,
      selfLink: '/x',
      managedFields: [{}],
    };
    const { facts: made } = given().when(create({ metadata, spec: { colour: 'red' }, status: { state: 'Great' } }), { facts }).decided;
    expect(made[0]?.data).toEqual({
      metadata: { name: 'a', namespace: 'ns', uid: UID, generation: 1, creationTimestamp: '2026-01-02T03:04:05Z' },
      spec: { colour: 'red', size: 1 },
    });
  });

  it.each<[string, JsonObject, object, number, RegExp]>([
    ['another kind', { kind: 'Network', metadata: { name: 'a' } }, {}, 400, /does not match the expected kind/],
    [
      'another version',
      { apiVersion: 'v2', metadata: { name: 'a' } },
      {},
      400,
      /does not match the expected API version \(test.weft.dev\/v1\)/,
    ],
    ['another namespace', { metadata: { name: 'a', namespace: 'other' } }, {}, 400, /namespace of the provided object does not match/],
    [
      'a resourceVersion',
      { metadata: { name: 'a', resourceVersion: '1' } },
      {},
      400,
      /resourceVersion should not be set on objects to be created/,
    ],
    [
      'a bad address',
      { metadata: { name: 'a' }, spec: { ip: 'x' } },
      {},
      400,
      /^Thing in version "v1" cannot be handled as a Thing: spec.ip: cannot decode "x" as an IP address$/,
    ],
    [
      'an unknown field, strictly',
      { metadata: { name: 'a' }, spec: { colour: 'red', color: 1 } },
      { fieldValidation: 'Strict' },
      400,
      /strict decoding error: unknown field "spec.color"$/,
    ],
    ['no spec at all', { metadata: { name: 'a' } }, {}, 422, /^Thing.test.weft.dev "a" is invalid: spec.colour: Required value$/],
    [
      'labels that are none',
      { metadata: { name: 'a', labels: { '-': 'x y' } }, spec: { colour: 'r' } },
      {},
      422,
      /metadata.labels: Invalid value: "-": name part must consist/,
    ],
    [
      'a finalizer without a domain',
      { metadata: { name: 'a', finalizers: ['mine'] }, spec: { colour: 'r' } },
      {},
      422,
      /metadata.finalizers\[0\]: Invalid value: "mine": name is neither/,
    ],
    ['what its kind refuses', { metadata: { name: 'a' }, spec: { colour: 'void' } }, {}, 403, /things.test.weft.dev "a" is forbidden: no/],
  ])('with %s is refused', (_what, object, options, code, message) => {
    given().when(create(object, options), { facts }).thenRejected(code, message);
  });

  it('warns of unknown fields unless the command says to ignore them', () => {
    const object = { metadata: { name: 'a' }, spec: { colour: 'red', color: 1 }, extra: {} };
    expect(given().when(create(object), { facts }).decided.decision?.warnings).toEqual([
      'unknown field "spec.color"',
      'unknown field "extra"',
    ]);
    expect(given().when(create(object, { fieldValidation: 'Ignore' }), { facts }).decided.decision?.warnings).toEqual([]);
  });

  it('collects all causes in order and names each once in the message', () => {
    const { status } = given().when(
      { verb: 'create', kind: 'Thing', namespace: 'ns', object: { metadata: { labels: { a: '!' } } } },
      { facts },
    ).decided;
    expect(status?.details).toMatchObject({ kind: 'Thing', group: 'test.weft.dev' });
    expect(status?.details?.causes?.map(({ field }) => field)).toEqual(['metadata.labels', 'spec.colour']);
    expect(status?.message).toMatch(/is invalid: \[metadata.labels: .*, spec.colour: Required value\]$/);
  });

  it('of a name that lives is AlreadyExists', () => {
    const { status } = given(birth())
      .when(create({ metadata: { name: 'a' }, spec: { colour: 'red' } }), { facts })
      .thenRejected(409, 'things.test.weft.dev "a" already exists');
    expect(status).toMatchObject({ reason: 'AlreadyExists', details: { name: 'a', group: 'test.weft.dev', kind: 'things' } });
  });

  it('in a namespace that is missing or being deleted rests on facts of another stream', () => {
    const command = create({ metadata: { name: 'a' }, spec: { colour: 'red' } });
    const state = given().state;
    expect(decideObject(kinds, command, state, contextOf())).toMatchObject({
      restsOnFacts: true,
      status: { code: 404, message: 'namespaces "ns" not found' },
    });
    expect(decideObject(kinds, command, state, contextOf({ facts: factsOf([namespaceState(true)]) }))).toMatchObject({
      restsOnFacts: true,
      status: { code: 403, reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    });
  });

  it('with generateName gives the same name to the same request', () => {
    const command = create({ metadata: { generateName: 'web-' }, spec: { colour: 'red' } });
    const derive = (label: string) => uuidv5(SPEC_REQUEST, label);
    const { name } = keyOfCommand(command, derive);
    expect(name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(keyOfCommand(command, derive).name).toBe(name);
    expect(keyOfCommand(command, derive, 1).name).not.toBe(name);
    expect(hasGeneratedName(command)).toBe(true);
    expect(keyOfCommand(create({ metadata: { generateName: 'x'.repeat(90) } }), derive).name).toHaveLength(63);
    expect(keyOfCommand(create({}), derive).name).toBe('');
  });

  it('with neither name nor generateName is refused', () => {
    const key = { ...KEY, name: '' };
    specFor(kinds, key)()
      .when(create({ spec: { colour: 'red' } }), { facts })
      .thenRejected(422, /metadata.name: Required value: name or generateName is required/);
  });
});

describe('Replacing', () => {
  it('turns differences into facts and counts the generation up once', () => {
    const before = given(birth());
    const object = served(before.state, ({ metadata, spec }) => {
      metadata.labels = { a: 'b' };
      Object.assign(spec as JsonObject, { colour: 'blue', size: 2 });
    });
    before
      .when(replace(object))
      .thenFacts(
        { type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } },
        { type: 'ThingFieldChanged.v1', data: { field: 'colour', value: 'blue' } },
        { type: 'ThingFieldChanged.v1', data: { field: 'size', value: 2 } },
        { type: 'GenerationChanged.v1', data: { generation: 2 } },
      );
  });

  it('with what is there appends nothing, also when the client sends no status or zero values', () => {
    const before = given(birth());
    before.when(replace(served(before.state))).thenNothing();
    before
      .when(
        replace(
          served(before.state, (object) => Object.assign(object, { status: { state: 'x' }, spec: { colour: 'red', words: [], size: 0 } })),
        ),
      )
      .thenNothing();
  });

  it('leaves the generation alone when only metadata changes', () => {
    const before = given(birth());
    before
      .when(replace(served(before.state, ({ metadata }) => (metadata.annotations = { 'a/b': '{"x": 1 }\n' }))))
      .thenTypes('AnnotationsChanged.v1');
  });

  it.each<[string, (object: ApiObject) => void, number, RegExp]>([
    [
      'no resourceVersion (resources B-21)',
      ({ metadata }) => Object.assign(metadata, { resourceVersion: undefined }),
      422,
      /metadata.resourceVersion: Invalid value: 0: must be specified for an update/,
    ],
    [
      'a stale resourceVersion',
      ({ metadata }) => (metadata.resourceVersion = '9'),
      409,
      /^Operation cannot be fulfilled on things.test.weft.dev "a": the object has been modified; please apply your changes/,
    ],
    ['a resourceVersion that is none', ({ metadata }) => (metadata.resourceVersion = 'abc'), 422, /metadata.resourceVersion/],
    [
      'another uid',
      ({ metadata }) => (metadata.uid = 'other'),
      409,
      /Precondition failed: UID in precondition: other, UID in object meta: u-1/,
    ],
    ['another name', ({ metadata }) => (metadata.name = 'b'), 400, /name of the object \(b\) does not match the name on the URL \(a\)/],
    ['another namespace', ({ metadata }) => (metadata.namespace = 'b'), 400, /namespace/],
    [
      'another creation time',
      ({ metadata }) => (metadata.creationTimestamp = '2020-01-01T00:00:00Z'),
      422,
      /metadata.creationTimestamp: Invalid value: "2020-01-01T00:00:00Z": field is immutable/,
    ],
    ['an immutable field', ({ spec }) => Object.assign(spec as object, { ip: '10.0.0.1' }), 422, /spec.ip: Forbidden: field is immutable/],
  ])('with %s is refused', (_what, change, code, message) => {
    const before = given(birth());
    before.when(replace(served(before.state, change))).thenRejected(code, message);
  });

  it('of what is not there is NotFound, not a creation', () => {
    given()
      .when(replace({ metadata: { name: 'a', resourceVersion: '1' }, spec: { colour: 'red' } }))
      .thenRejected(404, 'things.test.weft.dev "a" not found');
  });

  it('of status is for the owning service alone, unless a provider is outside', () => {
    const before = given(birth());
    const command: ObjectCommand = {
      verb: 'replace',
      key: KEY,
      subresource: 'status',
      object: served(before.state, (object) => Object.assign(object, { status: { state: 'Great' }, spec: {} })),
    };
    before.when(command).thenRejected(403, /status is written by the owning service alone/);
    before.when(command, { externalProvider: true }).thenFacts({ type: 'StatusReplaced.v1', data: { status: { state: 'Great' } } });
    const outside = specFor(registry([testDomain], { provider: 'external' }), KEY)(birth());
    outside.when(command).thenFacts({ type: 'StatusReplaced.v1', data: { status: { state: 'Great' } } });
    const { providerStatus: _, ...own } = testKind;
    const ours = specFor(registry([{ ...testDomain, kinds: [own] }], { provider: 'external' }), KEY)(birth());
    ours.when(command).thenRejected(403, /status is written by the owning service alone/);
  });
});

describe('A refusal', () => {
  const many = (value: JsonValue) => Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`!${i}`, value]));
  it.each<[string, ObjectCommand]>([
    ['a long label', create({ metadata: { name: 'a', labels: { ['!'.repeat(700_000)]: '' } } })],
    ['many labels', create({ metadata: { name: 'a', labels: many('') } })],
    [
      'very many finalizers',
      create({ metadata: { name: 'a', finalizers: Array.from({ length: 100_000 }, (_, i) => `!${i.toString(36)}`) } }),
    ],
    ['many unknown fields', create({ metadata: { name: 'a' }, spec: many(0) }, { fieldValidation: 'Strict' })],
  ])('of %s fits into a message', (_what, command) => {
    const { status } = given().when(command, { facts }).decided;
    expect(status?.message).toMatch(/^(Thing|T)/);
    expect(JSON.stringify(status).length).toBeLessThan(100_000);
  });
});

describe('An object of more than 900 kB', () => {
  const text = (bytes: number) => 'é'.repeat(bytes / 2);
  const annotated = (bytes: number) => patch({ metadata: { annotations: { note: text(bytes) } } });

  it('is not made', () => {
    given()
      .when(create({ metadata: { name: 'a' }, spec: { colour: text(900_000) } }), { facts })
      .thenRejected(413, 'Request entity too large: limit is 900000');
  });

  it('is not even looked into', () => {
    const labels = Object.fromEntries(Array.from({ length: 120_000 }, (_, i) => [`!${i}`, '']));
    given()
      .when(create({ metadata: { name: 'a', labels } }), { facts })
      .thenRejected(413);
  });

  it('is not made by small patches either', () => {
    const large = given(birth({ colour: text(700_000), size: 1 }));
    large.when(annotated(100_000)).thenFacts({ type: 'AnnotationsChanged.v1', data: { annotations: { note: text(100_000) } } });
    large.when(annotated(200_000)).thenRejected(413);
  });

  it('is not one because of its status, which its owner writes', () => {
    const state = { type: 'StatusReplaced.v1', data: { status: { state: text(300_000) } } };
    const full = given(birth({ colour: text(700_000), size: 1 }), state);
    full.when(annotated(100_000)).thenFacts({ type: 'AnnotationsChanged.v1', data: { annotations: { note: text(100_000) } } });
    full.when(annotated(200_000)).thenRejected(413);
    // An object that is too large without its status may not grow because the status became smaller.
    const oversize = given(birth({ colour: text(1_000_000), size: 1 }), state);
    oversize.when(annotated(100_000)).thenRejected(413);
    oversize.when(replace({ ...served(oversize.state), status: null, spec: { colour: text(1_100_000), size: 1 } })).thenRejected(413);
  });

  it('that exists from before may become smaller', () => {
    const oversize = given(birth({ colour: text(1_000_000), size: 1 }, { annotations: { note: 'to go' } }));
    oversize.when(patch({ metadata: { annotations: null } })).thenFacts({ type: 'AnnotationsChanged.v1', data: { annotations: {} } });
  });
});

describe('Patching', () => {
  it('needs no resourceVersion', () => {
    given(birth())
      .when(patch({ metadata: { labels: { a: 'b' } } }))
      .thenTypes('LabelsChanged.v1');
  });

  it('brings a removed default back', () => {
    given(birth({ colour: 'red', size: 5 }))
      .when(patch({ spec: { size: null } }))
      .thenTypes('ThingFieldChanged.v1', 'GenerationChanged.v1');
    given(birth())
      .when(patch({ spec: { size: null } }))
      .thenNothing();
  });

  it.each<[string, ObjectCommand, number, RegExp | string]>([
    ['a stale resourceVersion', patch({ metadata: { resourceVersion: '9', labels: { a: 'b' } } }), 409, /modified/],
    ['a body that is no object', { verb: 'patch', key: KEY, patchType: 'merge', patch: [] }, 400, /must be an object/],
    ['a JSON patch that is no list', patch({}, 'json'), 400, /must be a list/],
    [
      'a failing JSON patch',
      patch([{ op: 'test', path: '/spec/colour', value: 'x' }], 'json'),
      422,
      'the server rejected our request due to an error in our request',
    ],
    [
      'a strategic patch of a kind that takes none',
      patch({}, 'strategic'),
      415,
      /unknown format - accepted media types include: application\/json-patch\+json, application\/merge-patch\+json/,
    ],
    [
      'an unknown field, strictly',
      patch({ spec: { color: 1 } }, 'merge', { fieldValidation: 'Strict' }),
      422,
      /unknown field "spec.color"/,
    ],
    ['another name', patch({ metadata: { name: 'b' } }), 400, /does not match the name on the URL/],
    ['another uid', patch({ metadata: { uid: 'b' } }), 409, /UID in precondition/],
    ['a bad type', patch({ spec: { size: 'x' } }), 400, /spec.size/],
    [
      'too many operations',
      { verb: 'patch', key: KEY, patchType: 'json', patch: Array.from({ length: 10_001 }, () => ({})) },
      413,
      /maximum operations/,
    ],
  ])('with %s is refused', (_what, command, code, message) => {
    given(birth()).when(command).thenRejected(code, message);
  });

  it('of what is not there is NotFound', () => {
    given().when(patch({})).thenRejected(404);
  });

  it('by JSON patch may name the present resourceVersion (kubectl does)', () => {
    given(birth())
      .when(
        patch(
          [
            { op: 'replace', path: '/metadata/resourceVersion', value: '10' },
            { op: 'add', path: '/spec/words', value: ['a'] },
          ],
          'json',
        ),
      )
      .thenTypes('ThingFieldChanged.v1', 'GenerationChanged.v1');
  });

  it('of a Namespace may be strategic', () => {
    const key: ObjectKey = { kind: 'Namespace', name: 'ns' };
    const born: Fact = {
      type: 'NamespaceCreated.v1',
      data: { metadata: { name: 'ns', uid: 'n', creationTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/a'] } },
    };
    specFor(
      kinds,
      key,
    )(born)
      .when({ verb: 'patch', key, patchType: 'strategic', patch: { metadata: { finalizers: ['x/b'] } } })
      .thenFacts({ type: 'FinalizersChanged.v1', data: { finalizers: ['x/a', 'x/b'] } });
  });
});

describe('Deleting', () => {
  it('without finalizers ends the object and gives back what it held', () => {
    const { decision } = given(birth()).when(remove()).thenTypes('ThingEnded.v1');
    expect(decision?.releases).toEqual([{ stream: 'Pool-.things', command: { type: 'Release', uid: 'u-1' } }]);
  });

  it('with finalizers asks for it, and once only', () => {
    const held = birth({ colour: 'red', size: 1 }, { finalizers: ['x/a'] });
    const asked: Fact = { type: 'DeletionRequested.v1', data: { at: '2026-01-02T03:04:05Z' } };
    given(held)
      .when(remove())
      .thenFacts(asked, { type: 'GenerationChanged.v1', data: { generation: 2 } });
    given(held, asked).when(remove()).thenNothing();
    expect(given(held, asked).state.object.metadata).toMatchObject({
      deletionTimestamp: '2026-01-02T03:04:05Z',
      deletionGracePeriodSeconds: 0,
    });
  });

  it('ends when anybody removes the last finalizer', () => {
    const held = birth({ colour: 'red', size: 1 }, { finalizers: ['x/a'] });
    const asked: Fact = { type: 'DeletionRequested.v1', data: { at: '2026-01-02T03:04:05Z' } };
    const { decision } = given(held, asked)
      .when(patch({ metadata: { finalizers: null } }))
      .thenTypes('FinalizersChanged.v1', 'ThingEnded.v1');
    expect(decision?.releases).toHaveLength(1);
    given(held, asked).when({ verb: 'act', key: KEY, action: 'Unhold', payload: {} }).thenTypes('FinalizersChanged.v1', 'ThingEnded.v1');
    given(held)
      .when(patch({ metadata: { finalizers: null } }))
      .thenTypes('FinalizersChanged.v1');
  });

  it('allows no new finalizers after it was asked for', () => {
    const held = birth({ colour: 'red', size: 1 }, { finalizers: ['x/a'] });
    given(held, { type: 'DeletionRequested.v1', data: { at: '2026-01-02T03:04:05Z' } })
      .when(patch({ metadata: { finalizers: ['x/a', 'x/b'] } }))
      .thenRejected(
        422,
        /metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers \["x\/b"\]/,
      );
  });

  it.each<[string, ObjectCommand, number, RegExp]>([
    [
      'another uid',
      remove({ preconditions: { uid: 'x' } }),
      409,
      /the UID in the precondition \(x\) does not match the UID in record \(u-1\)/,
    ],
    ['another resourceVersion', remove({ preconditions: { resourceVersion: '1' } }), 409, /the ResourceVersion in the precondition \(1\)/],
  ])('with %s is refused', (_what, command, code, message) => {
    given(birth()).when(command).thenRejected(code, message);
  });

  it('may be refused by the kind, unless it is forced', () => {
    given(birth({ colour: 'red', size: 1, loud: true }))
      .when(remove())
      .thenRejected(403, /it is loud/);
    given(birth({ colour: 'red', size: 1, loud: true }))
      .when(remove({ force: true }))
      .thenTypes('ThingEnded.v1');
  });

  it('of what is not there is NotFound', () => {
    given().when(remove()).thenRejected(404);
  });
});

describe('An action', () => {
  it('is the kind’s own, and an unknown one is refused', () => {
    given(birth())
      .when({ verb: 'act', key: KEY, action: 'Paint', payload: { colour: 'blue' } })
      .thenTypes('ThingFieldChanged.v1', 'GenerationChanged.v1');
    given(birth()).when({ verb: 'act', key: KEY, action: 'Fly', payload: {} }).thenRejected(405);
  });
});

describe('A dry run', () => {
  it('shows a new object without resourceVersion and a present one with its own', () => {
    const born = given().when(create({ metadata: { name: 'a' }, spec: { colour: 'red' } }), { facts });
    const { object } = previewOf(kinds, given().state, born.decided.decision!, contextOf());
    expect(object).toMatchObject({ kind: 'Thing', metadata: { name: 'a', uid: UID }, spec: { colour: 'red', size: 1 } });
    expect(object.metadata).not.toHaveProperty('resourceVersion');
    const before = given(birth());
    const changed = before.when(patch({ spec: { colour: 'blue' } }));
    expect(previewOf(kinds, before.state, changed.decided.decision!, contextOf()).object).toMatchObject({
      metadata: { resourceVersion: before.state.object.metadata.resourceVersion, generation: 2 },
      spec: { colour: 'blue' },
    });
  });
});

describe('Replacing a by b, both random', () => {
  const text = fc.stringMatching(/^[a-z]{1,4}$/);
  const spec = fc
    .record(
      {
        size: fc.integer({ min: 1, max: 5 }),
        loud: fc.boolean(),
        words: fc.array(text, { minLength: 1, maxLength: 3 }),
        notes: fc.dictionary(text, text, { maxKeys: 2, noNullPrototype: true }),
        heart: fc.record({ name: text }, { noNullPrototype: true }),
        parts: fc.array(fc.record({ name: text }, { noNullPrototype: true }), { minLength: 1, maxLength: 3 }),
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    .map((rest) => ({ colour: 'red', ...rest }));
  const metadata = fc.record(
    {
      labels: fc.dictionary(text, text, { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
      annotations: fc.dictionary(text, fc.string(), { minKeys: 1, maxKeys: 2, noNullPrototype: true }),
      finalizers: fc.uniqueArray(
        text.map((each) => `x/${each}`),
        { minLength: 1, maxLength: 3 },
      ),
    },
    { requiredKeys: [], noNullPrototype: true },
  );

  it('gives exactly b after folding the facts', () => {
    fc.assert(
      fc.property(spec, metadata, spec, metadata, (specA, metaA, specB, metaB) => {
        const before = given(birth(specA, metaA));
        const object = { metadata: { name: 'a', resourceVersion: '10', ...metaB }, spec: specB };
        const { decision, status } = before.when(replace(object)).decided;
        expect(status).toBeUndefined();
        const after = foldFacts(kinds, before.state, decision?.facts ?? [], contextOf());
        expect(after.object.spec).toEqual({ size: 1, ...specB });
        const { labels, annotations, finalizers } = after.object.metadata;
        expect(JSON.parse(JSON.stringify({ labels, annotations, finalizers }))).toEqual(metaB);
      }),
    );
  });
});
