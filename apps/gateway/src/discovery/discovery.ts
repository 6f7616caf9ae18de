/** Describes to clients what is served (http-api 3): group lists, resource lists, and both in one as aggregated discovery. */
import { apiVersionOf, type JsonObject, type KindModule } from '@weft/api';
import type { MediaType } from '../http/accept.ts';
import { type Catalog, type GroupVersion, STATUS_VERBS, verbsOf } from '../resources/catalog.ts';
import { isReshaped } from '../resources/other-shape.ts';

export function apiVersions(serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

export function groupList(catalog: Catalog): JsonObject {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: namedGroups(catalog).map((name) => group(catalog, name)) };
}

/** Undefined when there is no such group. */
export function apiGroup(catalog: Catalog, name: string): JsonObject | undefined {
  if (name === '' || catalog.group(name).length === 0) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...group(catalog, name) };
}

/** Undefined when there is no such group version. */
export function resourceList(catalog: Catalog, group: string, version: string): JsonObject | undefined {
  const found = catalog.group(group).find((each) => each.version === version);
  if (found === undefined) return undefined;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf(found), resources: found.kinds.flatMap(resources) };
}

export type AggregatedVersion = 'v2' | 'v2beta1';

/** The aggregated form that an Accept entry asks for, when its turn comes before plain JSON. */
export function aggregatedVersion(accept: readonly MediaType[]): AggregatedVersion | undefined {
  for (const { type, parameters } of accept) {
    if (type !== 'application/json') continue;
    const { g, v, as } = parameters;
    if (as === undefined) return undefined;
    if (g === 'apidiscovery.k8s.io' && as === 'APIGroupDiscoveryList' && (v === 'v2' || v === 'v2beta1')) return v;
  }
  return undefined;
}

export function aggregatedType(version: AggregatedVersion): string {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
}

/** The core group for `/api`, the named ones for `/apis`. */
export function aggregated(catalog: Catalog, version: AggregatedVersion, core: boolean): JsonObject {
  const names = core ? [''] : namedGroups(catalog);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: names
      .filter((name) => catalog.group(name).length > 0)
      .map((name) => ({ metadata: { name }, versions: catalog.group(name).map(aggregatedGroupVersion) })),
  };
}

function namedGroups(catalog: Catalog): string[] {
  return [...new Set(catalog.groupVersions.map(({ group }) => group))].filter((name) => name !== '');
}

function group(catalog: Catalog, name: string): JsonObject {
  const versions = catalog.group(name).map((each) => ({ groupVersion: apiVersionOf(each), version: each.version }));
  return { name, versions, preferredVersion: versions[0] ?? {} };
}

function resources(kind: KindModule): JsonObject[] {
  const common = { namespaced: kind.namespaced, kind: kind.kind };
  const main: JsonObject = { name: kind.plural, singularName: kind.singular, ...common, verbs: verbsOf(kind) };
  if (kind.shortNames.length > 0) main['shortNames'] = [...kind.shortNames];
  if (categories(kind).length > 0) main['categories'] = categories(kind);
  if (!kind.hasStatus) return [main];
  return [main, { name: `${kind.plural}/status`, singularName: '', ...common, verbs: [...STATUS_VERBS] }];
}

/** `kubectl get weft` lists what Weft manages; `all` holds what is safe to name in `kubectl delete all --all`. */
function categories(kind: KindModule): string[] {
  // Objects that have another group of their own are listed there.
  if (kind.group === '' || isReshaped(kind)) return [];
  return kind.namespaced ? ['weft', 'all'] : ['weft'];
}

function aggregatedGroupVersion({ version, kinds }: GroupVersion): JsonObject {
  return { version, freshness: 'Current', resources: kinds.map(aggregatedResource) };
}

function aggregatedResource(kind: KindModule): JsonObject {
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  const resource: JsonObject = {
    resource: kind.plural,
    responseKind,
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
  };
  if (kind.shortNames.length > 0) resource['shortNames'] = [...kind.shortNames];
  if (categories(kind).length > 0) resource['categories'] = categories(kind);
  if (kind.hasStatus) resource['subresources'] = [{ subresource: 'status', responseKind, verbs: [...STATUS_VERBS] }];
  return resource;
}

/** Kinds that clients write, as the definitions of custom resources with a label. */
export function applySetParents(catalog: Catalog, label: string): JsonObject {
  const items = catalog.kinds
    .filter((kind) => kind.group !== '' && verbsOf(kind).includes('patch'))
    .map(({ group, version, kind, plural, singular, namespaced }) => ({
      metadata: { name: `${plural}.${group}`, labels: { [label]: 'true' } },
      spec: {
        group,
        names: { plural, singular, kind },
        scope: namespaced ? 'Namespaced' : 'Cluster',
        versions: [{ name: version, served: true }],
      },
    }));
  return { kind: 'CustomResourceDefinitionList', apiVersion: 'apiextensions.k8s.io/v1', metadata: { resourceVersion: '1' }, items };
}
