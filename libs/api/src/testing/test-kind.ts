/** A small kind for tests of the machinery. */
import { accepted, rejected } from '../decide/deciding.ts';
import { indexOn } from '../kind/index-of.ts';
import type { DomainModule, Fact, KindModule } from '../kind/kind.ts';
import type { ApiObject } from '../kind/object.ts';
import type { JsonObject } from '../log/json.ts';
import { Flag, Int, Ip, Nested, NestedList, Prefix, Text, TextList, TextMap } from '../model/fields.ts';
import { objectSchema } from '../model/schema.ts';
import { immutable, required } from '../status/field-errors.ts';
import { forbiddenStatus } from '../status/statuses.ts';
import { sameJson } from '../values/equal.ts';

export class ThingPart {
  @Text('Name of the part.') readonly name?: string;
  @Int('How often.') readonly count?: number;
}

export class ThingSpec {
  @Text('Colour.') readonly colour?: string;
  @Int('Size.') readonly size?: number;
  @Flag('Whether it is loud.') readonly loud?: boolean;
  @Ip('Its address.') readonly ip?: string;
  @Prefix('Its range.') readonly range?: string;
  @TextList('Words.') readonly words?: string[];
  @TextMap('Notes.') readonly notes?: Record<string, string>;
  @Nested(() => ThingPart, 'Its heart.') readonly heart?: ThingPart;
  @NestedList(() => ThingPart, 'Its parts.', { mergeKey: 'name' }) readonly parts?: ThingPart[];
}

export class ThingStatus {
  @Text('State.') readonly state?: string;
}

const names = { group: 'test.weft.dev', version: 'v1', kind: 'Thing' } as const;
const changed = (field: string, object: ApiObject): Fact => {
  const value = object.spec?.[field];
  return { type: 'ThingFieldChanged.v1', data: value === undefined ? { field } : { field, value } };
};

export const testKind: KindModule = {
  ...names,
  plural: 'things',
  singular: 'thing',
  shortNames: [],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: {},
  tracksGeneration: true,
  columns: [],
  schema: objectSchema(names, 'A thing.', { spec: ThingSpec, status: ThingStatus }),
  model: { spec: ThingSpec, status: ThingStatus },
  defaults: (object) => (object.spec?.['size'] === undefined ? { ...object, spec: { ...object.spec, size: 1 } } : object),
  rules: (object, old) => [
    ...(object.spec?.['colour'] === undefined ? [required('spec.colour')] : []),
    ...(old !== undefined && !sameJson(old.spec?.['ip'], object.spec?.['ip'])
      ? [immutable('spec.ip', old.spec?.['ip'], object.spec?.['ip'])]
      : []),
  ],
  selectableFields: (object) => ({ 'spec.colour': (object.spec?.['colour'] as string | undefined) ?? '', reason: '' }),
  indexes: {
    colour: indexOn(['created', 'spec.colour'], ({ object }) => [object.spec?.['colour'] as string]),
    word: ({ object }) => (object.spec?.['words'] ?? []) as string[],
  },
  onCreate: (object) =>
    object.spec?.['colour'] === 'void'
      ? rejected(forbiddenStatus({ ...names, plural: 'things' }, object.metadata.name, 'no'))
      : accepted([]),
  onChange: (before, after) => {
    const fields = new Set([...Object.keys(before.object.spec ?? {}), ...Object.keys(after.spec ?? {})]);
    return accepted(
      [...fields].filter((field) => !sameJson(before.object.spec?.[field], after.spec?.[field])).map((field) => changed(field, after)),
    );
  },
  onDelete: ({ object }, _context, { force }) =>
    object.spec?.['loud'] === true && !force
      ? forbiddenStatus({ ...names, plural: 'things' }, object.metadata.name, 'it is loud')
      : undefined,
  onEnd: ({ object }) => ({ releases: [{ stream: 'Pool-.things', command: { type: 'Release', uid: object.metadata.uid } }] }),
  actions: {
    Paint: (before, { colour }) =>
      accepted(before.status === 'live' ? [{ type: 'ThingFieldChanged.v1', data: { field: 'colour', value: colour as string } }] : []),
    Unhold: (before) => accepted(before.status === 'live' ? [{ type: 'FinalizersChanged.v1', data: { finalizers: [] } }] : []),
  },
  evolve: {
    'ThingFieldChanged.v1': ({ object, facts }, { field, value }) => {
      const spec: JsonObject = { ...object.spec };
      if (value === undefined) delete spec[field as string];
      else spec[field as string] = value;
      return { object: { ...object, spec }, facts: { ...facts, changes: ((facts['changes'] as number | undefined) ?? 0) + 1 } };
    },
  },
  initialFacts: {},
  facetOf: (_type, { field }) => `spec.${field as string}`,
};

const testNamespace: KindModule = {
  ...testKind,
  group: '',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  namespaced: false,
  tracksGeneration: false,
  strategicMerge: { 'metadata.finalizers': '' },
  indexes: {},
  defaults: (object) => object,
  rules: () => [],
  evolve: {},
};

export const testDomain: DomainModule = { context: 'network', kinds: [testKind, testNamespace], reservations: [] };
