/** What holds for every kind: a replacement gives exactly what was asked for, and objects survive the wire. */
import {
  type ApiObject,
  type DomainModule,
  decideObject,
  type Folded,
  foldFacts,
  foldStream,
  type JsonObject,
  type KindModule,
  type ObjectKey,
  registry,
  streamOf,
} from '@weft/api';
import { contextOf, recorded } from '@weft/testing';
import fc from 'fast-check';
import { networkDomain } from './index.ts';

const kinds = registry([networkDomain as DomainModule]);
const exact = { noNullPrototype: true } as const;
const name = fc.stringMatching(/^[a-z]{1,6}$/);
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [], ...exact }) as fc.Arbitrary<JsonObject>;
const all = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) => fc.record(fields, exact) as unknown as fc.Arbitrary<JsonObject>;
const listOf = (item: fc.Arbitrary<JsonObject>, by: string) =>
  fc.uniqueArray(item, { minLength: 1, maxLength: 4, selector: (each) => JSON.stringify(each[by]) });
const ref = all({ name });
const ipv4 = fc.nat(65_535).map((n) => `10.1.${n >> 8}.${n & 255}`);

/** Specs that pass the kind's rules; `fixed` is what may not differ. */
const specs: Readonly<Record<string, { fixed?: JsonObject; spec: fc.Arbitrary<JsonObject> }>> = {
  Network: {
    spec: some({
      peerings: listOf(all({ name, networkRef: all({ name: name.map((each) => `other-${each}`) }) }), 'name').filter(
        (list) => new Set(list.map((each) => JSON.stringify(each['networkRef']))).size === list.length,
      ),
      incomingPeerings: listOf(all({ namespace: name, name, uid: name }), 'name'),
    }),
  },
  NetworkInterface: {
    fixed: { networkRef: { name: 'net' }, ipFamilies: ['IPv4'] },
    spec: some({
      providerID: name,
      machineRef: all({ name, uid: name }),
      prefixes: fc.array(all({ value: fc.constantFrom('10.9.0.0/24', '2001:db8::/64') }), { minLength: 1, maxLength: 2 }),
      virtualIP: all({ virtualIPRef: ref }),
    }).chain((rest) => ipv4.map((value) => ({ ...rest, ips: [{ value }] }))),
  },
  Machine: {
    spec: some({
      machineClassRef: ref,
      machinePoolRef: ref,
      machinePoolSelector: fc.dictionary(name, name, { minKeys: 1, maxKeys: 2, ...exact }),
      image: name,
      imagePullSecretRef: ref,
      networkInterfaces: listOf(all({ name, networkInterfaceRef: ref }), 'name'),
      volumes: fc.array(all({ name }), { minLength: 1, maxLength: 2 }),
      ignitionRef: all({ name, key: name }),
      efiVars: fc.array(all({ name, value: name }), { minLength: 1, maxLength: 2 }),
      tolerations: fc.array(all({ key: name }), { minLength: 1, maxLength: 2 }),
      guestConfig: all({ tz: name }),
    }).chain((rest) => fc.constantFrom('On', 'Off').map((power) => ({ ...rest, power }))),
  },
  Host: {
    spec: all({
      underlay: all({ ip: ipv4 }),
      roles: fc.subarray(['Compute', 'Edge'], { minLength: 1 }),
      unschedulable: fc.boolean(),
    }),
  },
  Namespace: {
    spec: fc
      .uniqueArray(
        name.map((each) => `example.com/${each}`),
        { maxLength: 2 },
      )
      .map((more) => ({ finalizers: ['kubernetes', ...more] })),
  },
};

function keyOf({ kind, namespaced }: KindModule): ObjectKey {
  return namespaced ? { kind, namespace: 'ns', name: 'a' } : { kind, name: 'a' };
}

function born(kind: KindModule, spec: JsonObject): Folded {
  const key = keyOf(kind);
  const { namespace } = key;
  const metadata = { name: 'a', ...(namespace !== undefined && { namespace }), uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
  const labels = kind.kind === 'Namespace' ? { labels: { 'kubernetes.io/metadata.name': 'a' } } : {};
  return foldStream(
    kinds,
    key,
    recorded(streamOf(key), [{ type: `${kind.kind}Created.v1`, data: { metadata: { ...metadata, ...labels }, spec } }]),
  );
}

function replaced(before: Folded, spec: JsonObject): ApiObject {
  const metadata = { name: 'a', resourceVersion: before.object.metadata.resourceVersion };
  const decision = decideObject(kinds, { verb: 'replace', key: before.key, object: { metadata, spec } }, before, contextOf());
  if (decision.outcome !== 'accepted') throw new Error(JSON.stringify(decision));
  const granted = decision.whenGranted?.((decision.claims ?? []).map(() => ({}))) ?? [];
  return foldFacts(kinds, before, [...decision.facts, ...granted], contextOf()).object;
}

describe.each(Object.entries(specs))('A %s', (kindName, { fixed = {}, spec }) => {
  const kind = kinds.kind(kindName)!;

  it('replaced by any other is exactly that other', () => {
    fc.assert(
      fc.property(spec, spec, (a, b) => {
        const after = replaced(born(kind, { ...fixed, ...a }), { ...fixed, ...b });
        expect(after.spec ?? {}).toEqual({ ...fixed, ...b });
      }),
      { numRuns: 200 },
    );
  });

  it('replaced by itself is not touched', () => {
    fc.assert(
      fc.property(spec, (a) => {
        const before = born(kind, { ...fixed, ...a });
        const { metadata } = before.object;
        const decision = decideObject(
          kinds,
          { verb: 'replace', key: before.key, object: { metadata: metadata as unknown as JsonObject, spec: { ...fixed, ...a } } },
          before,
          contextOf(),
        );
        expect(decision).toMatchObject({ outcome: 'accepted', facts: [] });
      }),
      { numRuns: 50 },
    );
  });

  it('is the same after a trip over the wire', () => {
    fc.assert(
      fc.property(spec, (a) => {
        const { object } = born(kind, { ...fixed, ...a });
        expect(JSON.parse(JSON.stringify(object))).toEqual(object);
      }),
      { numRuns: 50 },
    );
  });

  it('has a schema, an age, and a name as its first column', () => {
    expect(kind.schema).toMatchObject({ type: 'object', properties: { metadata: { type: 'object' }, spec: { type: 'object' } } });
    expect(kind.columns[0]?.format).toBe('name');
    expect(kind.columns.at(-1)?.name).toBe('Age');
    const { object } = born(kind, fixed);
    for (const column of kind.columns) expect(['string', 'number']).toContain(typeof column.cell(object, new Date('2026-01-01T00:01:00Z')));
  });
});

describe('Every kind', () => {
  it('that is stored is tested here', () => {
    expect(
      networkDomain.kinds
        .map(({ kind }) => kind)
        .filter((kind) => kind !== 'Event')
        .sort(),
    ).toEqual(Object.keys(specs).sort());
  });

  it('folds every event that its facts make', () => {
    for (const kind of networkDomain.kinds) for (const type of Object.keys(kind.evolve)) expect(type).toMatch(/^[A-Z][A-Za-z]+\.v[0-9]+$/);
  });
});
