/**
 * The contract of every kind: a replacement gives exactly what was asked for (so `onChange` and `evolve` cover every field), a repeat changes nothing,
 * objects survive encoding and decoding, and tables and OpenAPI get what they need. The context that owns the kind runs it in its tests.
 */
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
  type Registry,
  registry,
  streamOf,
} from '@weft/api';
import fc from 'fast-check';
import { contextOf, recorded } from './decider-spec.ts';

/** Specs that pass the kind's rules. `fixed`: the part of them that may not differ; `labels`: what the kind's defaults give the object `a`. */
export type KindSamples = Readonly<{ spec: fc.Arbitrary<JsonObject>; fixed?: JsonObject; labels?: Readonly<Record<string, string>> }>;

export function describeKind(domain: DomainModule, kind: KindModule, { spec, fixed = {}, labels }: KindSamples): void {
  describe(`A ${kind.kind}`, () => {
    const kinds = registry([domain]);
    const born = (given: JsonObject) => created(kinds, kind, given, labels);

    it('replaced by any other is exactly that other', () => {
      fc.assert(
        fc.property(spec, spec, (a, b) => {
          const after = replaced(kinds, born({ ...fixed, ...a }), { ...fixed, ...b });
          expect(after.spec ?? {}).toEqual({ ...fixed, ...b });
        }),
        { numRuns: 200 },
      );
    });

    it('replaced by itself is not touched', () => {
      fc.assert(
        fc.property(spec, (a) => {
          const before = born({ ...fixed, ...a });
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

    it('is the same after it was encoded and decoded', () => {
      fc.assert(
        fc.property(spec, (a) => {
          const { object } = born({ ...fixed, ...a });
          expect(JSON.parse(JSON.stringify(object))).toEqual(object);
        }),
        { numRuns: 50 },
      );
    });

    it('has a valid name for each event type that it folds', () => {
      for (const type of Object.keys(kind.evolve)) expect(type).toMatch(/^[A-Z][A-Za-z]+\.v[0-9]+$/);
    });

    it('has a schema, an age, and a name as its first column', () => {
      expect(kind.schema).toMatchObject({ type: 'object', properties: { metadata: { type: 'object' }, spec: { type: 'object' } } });
      expect(kind.columns[0]?.format).toBe('name');
      expect(kind.columns.at(-1)?.name).toBe('Age');
      const { object } = born(fixed);
      for (const column of kind.columns)
        expect(['string', 'number']).toContain(typeof column.cell(object, new Date('2026-01-01T00:01:00Z')));
    });
  });
}

function keyOf({ kind, namespaced }: KindModule): ObjectKey {
  return namespaced ? { kind, namespace: 'ns', name: 'a' } : { kind, name: 'a' };
}

function created(kinds: Registry, kind: KindModule, spec: JsonObject, labels: KindSamples['labels']): Folded {
  const key = keyOf(kind);
  const { namespace } = key;
  const metadata = { name: 'a', ...(namespace !== undefined && { namespace }), uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' };
  return foldStream(
    kinds,
    key,
    recorded(streamOf(key), [{ type: `${kind.kind}Created.v1`, data: { metadata: { ...metadata, ...(labels && { labels }) }, spec } }]),
  );
}

function replaced(kinds: Registry, before: Folded, spec: JsonObject): ApiObject {
  const metadata = { name: 'a', resourceVersion: before.object.metadata.resourceVersion };
  const decision = decideObject(kinds, { verb: 'replace', key: before.key, object: { metadata, spec } }, before, contextOf());
  if (decision.outcome !== 'accepted') throw new Error(JSON.stringify(decision));
  const granted = decision.whenGranted?.((decision.claims ?? []).map(() => ({}))) ?? [];
  return foldFacts(kinds, before, [...decision.facts, ...granted], contextOf()).object;
}
