/** A small domain for the gateway's own tests: namespaces, and widgets that show what the protocol needs. */
import {
  AGE_COLUMN,
  type ApiObject,
  accepted,
  type DomainModule,
  type Fact,
  Int,
  type JsonObject,
  type KindModule,
  NAME_COLUMN,
  objectSchema,
  required,
  Text,
  TextList,
  textColumn,
} from '@weft/api';

class WidgetSpec {
  @Int('How large it is.')
  size?: number;
  @Text('What it looks like.')
  colour?: string;
  @TextList('What it is made of.')
  parts?: string[];
}

class WidgetStatus {
  @Text('What it does.')
  state?: string;
}

class NamespaceSpec {
  @TextList('Who has still something to do before the namespace may go.')
  finalizers?: string[];
}

class NamespaceStatus {
  @Text('Active or Terminating.')
  phase?: string;
}

const specOf = (object: ApiObject) => (object.spec ?? {}) as JsonObject;

/** One fact for each field of the spec that differs: a change of two fields is an append of two events. */
function specFacts(kind: string, before: ApiObject, after: ApiObject): Fact[] {
  const [old, next] = [specOf(before), specOf(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(next)])].sort();
  return names
    .filter((name) => JSON.stringify(old[name]) !== JSON.stringify(next[name]))
    .map((name) => ({ type: `${kind}FieldSet.v1`, data: { name, value: next[name] ?? null } }));
}

function setField(state: { object: ApiObject; facts: JsonObject }, data: JsonObject): { object: ApiObject; facts: JsonObject } {
  const spec = { ...specOf(state.object) };
  if (data['value'] === null) delete spec[data['name'] as string];
  else spec[data['name'] as string] = data['value'] as JsonObject;
  return { ...state, object: { ...state.object, spec } };
}

const widgetModel = { spec: WidgetSpec, status: WidgetStatus };
const widgetNames = { group: 'test.weft.dev', version: 'v1', kind: 'Widget' };

export const widget: KindModule = {
  ...widgetNames,
  plural: 'widgets',
  singular: 'widget',
  shortNames: ['wd'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  tracksGeneration: true,
  columns: [
    NAME_COLUMN,
    textColumn('Colour', 'What it looks like.', ({ spec }) => (spec?.['colour'] as string | undefined) ?? '<none>'),
    AGE_COLUMN,
  ],
  model: widgetModel,
  schema: objectSchema(widgetNames, 'A thing to test with.', widgetModel),
  defaults: (object) => object,
  rules: ({ spec }) => (spec?.['size'] === 13 ? [required('spec.size', 'any but 13')] : []),
  selectableFields: ({ spec }) => ({ 'spec.colour': (spec?.['colour'] as string | undefined) ?? '' }),
  onChange: (before, after) => accepted(specFacts('Widget', before.object, after)),
  evolve: { 'WidgetFieldSet.v1': (state, data) => setField(state as { object: ApiObject; facts: JsonObject }, data) },
  initialFacts: {},
  facetOf: () => 'spec',
};

const namespaceModel = { spec: NamespaceSpec, status: NamespaceStatus };
const namespaceNames = { group: '', version: 'v1', kind: 'Namespace' };

export const namespace: KindModule = {
  ...namespaceNames,
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  nameRule: 'label',
  context: 'network',
  partitionKey: () => 'Namespace',
  hasStatus: true,
  tracksGeneration: false,
  columns: [NAME_COLUMN, AGE_COLUMN],
  model: namespaceModel,
  schema: objectSchema(namespaceNames, 'A scope for names.', namespaceModel),
  strategicMerge: { 'metadata.finalizers': '' },
  defaults: (object) => object,
  rules: () => [],
  onChange: (before, after) => accepted(specFacts('Namespace', before.object, after)),
  evolve: { 'NamespaceFieldSet.v1': (state, data) => setField(state as { object: ApiObject; facts: JsonObject }, data) },
  initialFacts: {},
  facetOf: () => 'spec',
};

export const testDomain: DomainModule = { context: 'network', kinds: [namespace, widget], reservations: [] };
