import type { DomainModule, KindModule } from '@weft/api';
import { reshaped } from './other-shape.ts';

export type GroupVersion = Readonly<{ group: string; version: string; kinds: readonly KindModule[] }>;

/** Every kind there is, as URLs name them. A kind that a domain brings is served without a change here. */
export class Catalog {
  /** Each once, in its own group. */
  readonly kinds: readonly KindModule[];
  /** By group, core first, then bytewise; versions in the order in which the domains name them. */
  readonly groupVersions: readonly GroupVersion[];
  readonly #byPath = new Map<string, KindModule>();

  constructor(domains: readonly DomainModule[]) {
    this.kinds = domains.flatMap((domain) => domain.kinds);
    const byGroupVersion = new Map<string, KindModule[]>();
    for (const kind of this.kinds.flatMap((each) => [each, ...(each.alsoServedAs ?? []).map((shape) => reshaped(each, shape))])) {
      const path = `${kind.group}/${kind.version}/${kind.plural}`;
      if (this.#byPath.has(path)) throw new Error(`two kinds are served at ${path}`);
      this.#byPath.set(path, kind);
      const groupVersion = `${kind.group}/${kind.version}`;
      const kinds = byGroupVersion.get(groupVersion);
      if (kinds === undefined) byGroupVersion.set(groupVersion, [kind]);
      else kinds.push(kind);
    }
    this.groupVersions = [...byGroupVersion.values()]
      .map((kinds) => ({ group: (kinds[0] as KindModule).group, version: (kinds[0] as KindModule).version, kinds }))
      .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0));
  }

  /** Every kind in every group that it is served in. */
  get served(): readonly KindModule[] {
    return this.groupVersions.flatMap(({ kinds }) => kinds);
  }

  find(group: string, version: string, plural: string): KindModule | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  /** By any of the names that clients have for it, in any case. */
  named(word: string): KindModule | undefined {
    const name = word.toLowerCase();
    return this.kinds.find(({ kind, plural, singular, shortNames = [] }) =>
      [kind.toLowerCase(), plural, singular, ...shortNames].includes(name),
    );
  }

  /** Versions of one group, preferred first. */
  group(name: string): readonly GroupVersion[] {
    return this.groupVersions.filter(({ group }) => group === name);
  }
}

/** Advertised and accepted only where the kind says how its lists merge (http-api 10.3). */
export function takesStrategicMerge({ strategicMerge }: KindModule): boolean {
  return strategicMerge !== undefined;
}

/** Content types of patches. */
export const patchTypesOf = (kind: KindModule) => [
  'application/json-patch+json',
  'application/merge-patch+json',
  ...(takesStrategicMerge(kind) ? ['application/strategic-merge-patch+json'] : []),
  'application/apply-patch+yaml',
];

export const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;
export const STATUS_VERBS = ['get', 'patch', 'update'] as const;

/** Verbs of a kind, as discovery lists them. */
export function verbsOf({ refuses = [] }: KindModule): string[] {
  return VERBS.filter((verb) => !refuses.some((each) => each === verb));
}
