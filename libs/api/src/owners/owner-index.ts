/**
 * Who owns whom (http-api 6 and 12): an index that every kind has over `metadata.ownerReferences`. An object without owners has no entry in it.
 *
 * An owner is the object of a kind, name and uid, in the namespace of what it owns unless its kind has none. Another uid under its name is not it. A
 * reference that no object here can match (another API's kind, an owner in a namespace of an object without one) has no entry: nobody knows whether such an
 * owner is gone.
 */
import { type IndexOf, indexOn } from '../kind/index-of.ts';
import type { Folded, KindModule } from '../kind/kind.ts';
import type { ObjectKey, OwnerReference } from '../kind/object.ts';

/** The index of every kind that finds what an owner owns: by `ownerText`. */
export const OWNER_INDEX = 'owner';

/** At most so many commands are owed at a time for one owner: the next ones are owed once these are in the log. */
export const DEPENDENTS_MAX = 256;

export type Owner = ObjectKey & Readonly<{ uid: string }>;

/** An owner as index value. References may hold any text, so the parts are not joined by a separator. */
export function ownerText({ kind, namespace = '', name, uid }: Owner): string {
  return JSON.stringify([kind, namespace, name, uid]);
}

export function ownerFrom(text: string): Owner {
  const [kind, namespace, name, uid] = JSON.parse(text) as [string, string, string, string];
  return namespace === '' ? { kind, name, uid } : { kind, namespace, name, uid };
}

/** The index value for a reference; undefined when no object here can match it. */
export type OwnerTextOf = (reference: OwnerReference, namespace: string | undefined) => string | undefined;

export function ownerTexts(kinds: ReadonlyMap<string, Pick<KindModule, 'group' | 'namespaced'>>): OwnerTextOf {
  return ({ apiVersion, kind, name, uid }, namespace) => {
    const known = kinds.get(kind);
    if (known === undefined || groupOf(apiVersion) !== known.group) return undefined;
    if (!known.namespaced) return ownerText({ kind, name, uid });
    return namespace === undefined ? undefined : ownerText({ kind, namespace, name, uid });
  };
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

const NOBODY: readonly string[] = Object.freeze([]);

export function ownersIndex(textOf: OwnerTextOf): IndexOf<Folded> {
  return indexOn(['created', 'ownerReferences'], ({ key: { namespace }, object: { metadata } }) => {
    const { ownerReferences } = metadata;
    return ownerReferences === undefined ? NOBODY : [...new Set(ownerReferences.flatMap((each) => textOf(each, namespace) ?? []))];
  });
}
