/**
 * A deleted namespace is emptied (http-api 15): the objects in it are deleted and wait for their own finalizers, also objects that were created late.
 *
 *   deletion asked for ──> what is in it is deleted ──> what keeps it is named ──> nothing left: Finalize
 */
import {
  act,
  conditionOf,
  type Draft,
  isDeleting,
  type KindModule,
  type KindRef,
  kindRef,
  type Loop,
  type LoopFacts,
  loopOver,
  loopOverIndex,
  NAMESPACE_INDEX,
  type UntypedKind,
  type View,
} from '@weft/api';
import { contentRemaining, finalizersText, isBeingEmptied } from './namespace.kind.ts';
import { Namespace, type NamespaceTypes } from './namespace.types.ts';

/** At most so many deletions are owed at a time: the next ones are owed once these are in the log. */
export const DELETIONS_MAX = 256;
const REMAINING_NAMED_MAX = 5;

/** A kind of any context whose objects are in namespaces. */
type Content = Readonly<{
  kind: KindRef<UntypedKind>;
  /** Name and uid of an object whose deletion nobody has asked for. */
  undeleted: View<UntypedKind, Readonly<{ name: string; uid: string }>>;
  /** The object in the text of a condition: its name and its finalizers. */
  text: View<UntypedKind, string>;
}>;

function contentOf(kind: string): Content {
  const ref = kindRef(kind);
  return {
    kind: ref,
    undeleted: {
      kind: ref,
      name: 'undeleted',
      facets: () => ['created', 'deletion'],
      of: (state) => (isDeleting(state) ? undefined : { name: state.key.name, uid: state.object.metadata.uid }),
    },
    text: {
      kind: ref,
      name: 'remaining',
      facets: () => ['created', 'finalizers'],
      of: ({ key, object: { metadata } }) => {
        const { finalizers = [] } = metadata;
        return `${kind} ${key.name}${finalizers.length === 0 ? '' : ` (${finalizersText(finalizers)})`}`;
      },
    },
  };
}

const isThere: View<NamespaceTypes, true> = { kind: Namespace, name: 'is-there', facets: () => ['created'], of: () => true };

/** Loops over the kinds of all contexts. Kinds that are registered later refer to earlier ones, so objects of the last kinds are deleted first. */
export function namespaceLoops(kinds: readonly KindModule[]): readonly Loop[] {
  const contents = kinds.flatMap(({ namespaced, kind }) => (namespaced ? contentOf(kind) : [])).reverse();
  return [emptyNamespaces(contents), ...contents.map(closeNamespaces)];
}

function emptyNamespaces(contents: readonly Content[]): Loop {
  return loopOver(Namespace, {
    name: 'empty-namespaces',
    context: 'network',
    owed: (namespace, facts) => {
      if (!isDeleting(namespace)) return [];
      const { key } = namespace;
      const deletions = deletionsIn(key.name, contents, facts);
      if (!isBeingEmptied(namespace)) return deletions;
      if (isEmpty(key.name, contents, facts)) return [act(Namespace, key, 'Finalize', {})];
      const condition = contentRemaining(remainingText(key.name, contents, facts));
      if (conditionOf(namespace.object, condition.type)?.message === condition.message) return deletions;
      return [act(Namespace, key, 'ReportRemaining', { message: condition.message }), ...deletions];
    },
  });
}

/** Deletes objects in a namespace that does not exist (any more): their creation was accepted on a view that lagged. */
function closeNamespaces(content: Content): Loop {
  return loopOverIndex(content.kind, NAMESPACE_INDEX, {
    name: `close-namespaces-${content.kind.kind}`,
    context: 'network',
    owed: (namespace, facts) => (facts.see(isThere, { name: namespace }) === true ? [] : deletionsIn(namespace, [content], facts)),
  });
}

function deletionsIn(namespace: string, contents: readonly Content[], facts: LoopFacts): readonly Draft[] {
  const drafts: Draft[] = [];
  for (const { kind, undeleted } of contents) {
    for (const { name, uid } of facts.seeAll(undeleted, NAMESPACE_INDEX, namespace)) {
      if (drafts.length === DELETIONS_MAX) return drafts;
      drafts.push({ target: 'object', key: { kind: kind.kind, namespace, name }, verb: 'delete', uid });
    }
  }
  return drafts;
}

function isEmpty(namespace: string, contents: readonly Content[], facts: LoopFacts): boolean {
  return contents.every(({ kind }) => !facts.any(kind, NAMESPACE_INDEX, namespace));
}

/** Names the objects that keep the namespace once they fit into a line; before that, most of them are about to be removed anyway. */
function remainingText(namespace: string, contents: readonly Content[], facts: LoopFacts): string {
  const named: string[] = [];
  for (const { text } of contents) {
    for (const each of facts.seeAll(text, NAMESPACE_INDEX, namespace)) {
      if (named.length === REMAINING_NAMED_MAX) return 'what is in it is being deleted';
      named.push(each);
    }
  }
  // Sorted, since an index has no order.
  return `waits for ${named.sort().join(', ')}`;
}
