/** A deleted namespace is emptied: what is in it is deleted through its own finalizers, also what slipped in meanwhile (http-api 15). */
import {
  act,
  conditionOf,
  type Draft,
  type FactsView,
  type Folded,
  isDeleting,
  type KindModule,
  keyOfStream,
  liveOnly,
  type Reaction,
} from '@weft/api';
import { namespaceKey } from '../keys.ts';
import { CONTENT_REMAINING, finalizersText } from './namespace.kind.ts';

const REMAINING_NAMED_MAX = 5;

/** Of the kinds of all contexts. What is registered later refers to what came before it, so the last are deleted first. */
export function namespaceReactions(kinds: readonly KindModule[]): readonly Reaction[] {
  const contents = kinds.flatMap(({ namespaced, kind }) => (namespaced ? kind : [])).reverse();
  const emptyNamespaces: Reaction = {
    name: 'empty-namespaces',
    context: 'network',
    on: ['DeletionRequested.v1', ...contents.map((kind) => `${kind}Ended.v1`)],
    react: (change, facts) => {
      const key = keyOfStream(change.event.stream);
      const asked = key?.kind === 'Namespace';
      const name = asked ? key.name : change.event.type === 'DeletionRequested.v1' ? undefined : key?.namespace;
      const namespace = name === undefined ? undefined : liveOnly(facts.get(namespaceKey(name)));
      if (name === undefined || namespace === undefined || !isDeleting(namespace)) return [];
      if (isEmpty(name, contents, facts)) return [act(namespace.key, 'Finalize')];
      const message = remainingText(name, contents, facts);
      const told = conditionOf(namespace.object, CONTENT_REMAINING)?.message === message;
      const report = told ? [] : [act(namespace.key, 'ReportRemaining', { message })];
      return asked ? [...report, ...deletionsIn(name, contents, facts)] : report;
    },
  };
  const closeNamespaces: Reaction = {
    name: 'close-namespaces',
    context: 'network',
    on: contents.map((kind) => `${kind}Created.v1`),
    // The creation was accepted on a view that did not know of the deletion yet.
    react: ({ after }, facts) => {
      const { key, object } = after as Folded;
      const namespace = facts.get(namespaceKey(key.namespace ?? ''));
      const open = namespace?.status === 'live' && !isDeleting(namespace);
      return open ? [] : [{ target: 'object', key, verb: 'delete', uid: object.metadata.uid }];
    },
  };
  return [emptyNamespaces, closeNamespaces];
}

function isEmpty(namespace: string, contents: readonly string[], facts: FactsView): boolean {
  for (const kind of contents) for (const _ of facts.list(kind, namespace)) return false;
  return true;
}

/** What keeps it is named once it can be told in a line; before that most of it is about to go by itself. */
function remainingText(namespace: string, contents: readonly string[], facts: FactsView): string {
  const named: string[] = [];
  for (const kind of contents) {
    for (const { key, object } of facts.list(kind, namespace)) {
      if (named.length === REMAINING_NAMED_MAX) return 'what is in it is being deleted';
      const { finalizers = [] } = object.metadata;
      named.push(`${kind} ${key.name}${finalizers.length === 0 ? '' : ` (${finalizersText(finalizers)})`}`);
    }
  }
  return `waits for ${named.join(', ')}`;
}

function deletionsIn(namespace: string, contents: readonly string[], facts: FactsView): Draft[] {
  const drafts: Draft[] = [];
  for (const kind of contents) {
    for (const { key, object } of facts.list(kind, namespace)) {
      if (object.metadata.deletionTimestamp === undefined) drafts.push({ target: 'object', key, verb: 'delete', uid: object.metadata.uid });
    }
  }
  return drafts;
}
