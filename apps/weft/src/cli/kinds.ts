/** Which kinds a server has, by any of the names that kubectl would take, and what words like `network/default/web` name. */
import { CommandError } from './exit-codes.ts';
import type { Server } from './server.ts';

export type ServedKind = Readonly<{
  kind: string;
  group: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  /** Of its lists in no namespace: `/apis/<group>/<version>`. */
  root: string;
}>;

/** One object, or all of a kind. */
export type Ref = Readonly<{ kind: ServedKind; namespace?: string; name?: string }>;

type Discovery = Readonly<{
  items: readonly Readonly<{
    metadata: Readonly<{ name?: string }>;
    versions: readonly Readonly<{ version: string; resources: readonly DiscoveredResource[] }>[];
  }>[];
}>;
type DiscoveredResource = Readonly<{
  resource: string;
  responseKind: Readonly<{ kind: string }>;
  scope: string;
  singularResource: string;
  shortNames?: readonly string[];
  categories?: readonly string[];
}>;

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export class Kinds {
  readonly all: readonly ServedKind[];

  constructor(all: readonly ServedKind[]) {
    this.all = all;
  }

  static async of(server: Server): Promise<Kinds> {
    const [core, groups] = await Promise.all(['/api', '/apis'].map((path) => server.json<Discovery>(path, { accept: AGGREGATED })));
    return new Kinds([...kindsIn(core as Discovery), ...kindsIn(groups as Discovery)]);
  }

  /** By plural, singular, short name or kind, in any case, with or without `.group`. Throws a CommandError with the nearest ones. */
  find(word: string): ServedKind {
    const name = word.toLowerCase();
    const found = this.all.find((kind) => namesOf(kind).some((each) => each === name || `${each}.${kind.group}` === name));
    if (found !== undefined) return found;
    const near = this.all.map(({ plural }) => plural).filter((plural) => plural.includes(name) || name.includes(plural.slice(0, 4)));
    throw new CommandError(
      `"${word}" is no kind here${near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`} ("kubectl api-resources" tells all)`,
    );
  }

  /** What words after a verb name: `networks`, `net,nic`, `net web db`, `network/web`, `network/default/web network/other/db`. */
  refs(words: readonly string[], namespace: string | undefined): readonly Ref[] {
    const [first = '', ...names] = words;
    if (words.some((word) => word.includes('/'))) return words.map((word) => this.ref(word, namespace));
    const kinds = first.split(',').flatMap((word) => this.#kindsNamed(word));
    if (names.length === 0) return kinds.map((kind) => ({ kind, ...(kind.namespaced && namespace !== undefined && { namespace }) }));
    return kinds.flatMap((kind) => names.map((name) => this.#object(kind, namespace, name)));
  }

  /** `network/default/web`, or `network/web` in the namespace that is given. */
  ref(word: string, namespace: string | undefined): Ref {
    const [kind = '', ...rest] = word.split('/');
    const served = this.find(kind);
    const name = rest.pop();
    const [own] = rest;
    if (name === undefined || name === '' || rest.length > (served.namespaced ? 1 : 0) || own === '')
      throw new CommandError(
        `"${word}" names no object: ${served.namespaced ? '<kind>/<namespace>/<name>, or <kind>/<name>' : '<kind>/<name>'}`,
      );
    return this.#object(served, own ?? namespace, name);
  }

  #object(kind: ServedKind, namespace: string | undefined, name: string): Ref {
    return { kind, name, ...(kind.namespaced && { namespace: namespace ?? 'default' }) };
  }

  #kindsNamed(word: string): readonly ServedKind[] {
    const ofCategory = this.all.filter(({ categories }) => categories.includes(word.toLowerCase()));
    return ofCategory.length > 0 ? ofCategory : [this.find(word)];
  }
}

export function namesOf({ plural, singular, shortNames, kind }: ServedKind): readonly string[] {
  return [plural, singular, ...shortNames, kind.toLowerCase()];
}

/** Of the object, or of the list. */
export function pathOf({ kind, namespace, name }: Ref): string {
  const within = namespace === undefined ? kind.root : `${kind.root}/namespaces/${encodeURIComponent(namespace)}`;
  const all = `${within}/${kind.plural}`;
  return name === undefined ? all : `${all}/${encodeURIComponent(name)}`;
}

/** `network.networking.ironcore.dev`, as `-o name` says it. */
export function typeNameOf({ singular, group }: ServedKind): string {
  return group === '' ? singular : `${singular}.${group}`;
}

function kindsIn({ items }: Discovery): readonly ServedKind[] {
  return items.flatMap(({ metadata: { name: group = '' }, versions: [preferred] }) =>
    (preferred?.resources ?? []).map(({ resource, responseKind, scope, singularResource, shortNames = [], categories = [] }) => ({
      kind: responseKind.kind,
      group,
      plural: resource,
      singular: singularResource === '' ? responseKind.kind.toLowerCase() : singularResource,
      shortNames,
      categories,
      namespaced: scope === 'Namespaced',
      root: group === '' ? `/api/${preferred?.version}` : `/apis/${group}/${preferred?.version}`,
    })),
  );
}
