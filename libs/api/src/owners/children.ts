/**
 * Children that are made from inline templates of a parent (resources 1.10): interfaces of a Machine, Prefixes and the VirtualIP of a NetworkInterface,
 * Prefixes of a LoadBalancer. One declaration gives the loops; they send ordinary commands to the child's context (ADR 26).
 *
 *   wanted, and not there                    created, owned by the parent and marked
 *   there, of this parent, wanted            left alone: a template that changes changes no child
 *   there, of this parent, not wanted        deleted
 *   there, and not of this parent            not adopted: a condition of the parent says so
 *
 *   cannot be created                        a condition of the parent says why, in the words of the refusal; it is tried again, more and more slowly
 *
 * A child that is being deleted counts as there, and so does one of an earlier parent of the same name until it has been collected. Then it is made anew.
 * A parent that is being deleted makes and deletes nothing: what it owned is collected when it has gone.
 */
import { AnyNamespace } from '../crossing/seen-kinds.ts';
import { type ConditionFact, conditionOf } from '../fold/common-events.ts';
import type { LoopFacts, NameIn, View } from '../kind/facts.ts';
import { type IndexOf, indexOn } from '../kind/index-of.ts';
import type { Context, Creation, Draft, Folded } from '../kind/kind.ts';
import type { KindRef, KindTypes, UntypedKind } from '../kind/kind-types.ts';
import { create, isDeleting, type Loop, loopOverIndex, nameFrom, nameText } from '../kind/loop.ts';
import type { ApiObject, OwnerReference } from '../kind/object.ts';
import { firstFew } from '../values/first-few.ts';
import { CREATION_REFUSED, ownerAct } from './owner-actions.ts';
import { DEPENDENTS_MAX, OWNER_INDEX } from './owner-index.ts';

export const EPHEMERAL_ANNOTATION = 'common.ironcore.dev/ephemeral-managed-by';
export const EPHEMERAL_MANAGER = 'ephemeral-manager';

/** A child that has not come after this time shows in a condition: its creation may be refused. */
const MISSED_AFTER_MS = 5_000;

type TemplateMetadata = Readonly<{ labels?: Readonly<Record<string, string>>; annotations?: Readonly<Record<string, string>> }>;
type Reference = Readonly<{ name?: string; uid?: string }>;

/** A child as its parent wants it. `unowned`: it stays when its parent goes. */
export type WantedChild<Spec> = Readonly<{ name: string; metadata: TemplateMetadata | undefined; spec: Spec; unowned?: true }>;

export type ChildrenDefinition<P extends KindTypes, C extends KindTypes> = Readonly<{
  /** In the names of the loops: `create-<name>`, `delete-<name>`. */
  name: string;
  context: Context;
  parent: KindRef<P>;
  /** The index of the parent's kind that `index` below makes. */
  index: P['index'];
  child: KindRef<C>;
  apiVersion: string;
  /** The facets of a parent that its wanted children follow from, beside its creation and deletion. */
  facets: readonly string[];
  /** Whether it may want any; asked at each change of a parent. */
  wantsAny: (parent: ApiObject<P>) => boolean;
  wanted: (parent: ApiObject<P>) => readonly WantedChild<C['spec']>[];
  /** Type of the condition of a parent that lacks a child. */
  condition: string;
  /**
   * Of a kind that names what it is for: a child with the marker that names its parent is its child too, owned or not (resources 3.7). `named`: what a
   * parent refers to by name, and so does not delete unless it owns it.
   */
  target?: Readonly<{
    index: C['index'];
    facet: string;
    of: (child: ApiObject<C>) => Reference | undefined;
    named: (parent: ApiObject<P>) => string | undefined;
  }>;
}>;

export type Children<P extends KindTypes> = Readonly<{
  loops: readonly Loop[];
  /** For the parent's kind: finds those that want children, or say something of them. */
  index: IndexOf<Folded<P>>;
}>;

export function childrenOf<P extends KindTypes, C extends KindTypes>(definition: ChildrenDefinition<P, C>): Children<P> {
  const { name, context, parent, index, child, target } = definition;
  const of = { definition, views: viewsOf(definition) };
  const deleteOver = (loop: string, over: string) =>
    loopOverIndex(child as KindRef<UntypedKind>, over, { name: loop, context, owed: (value, facts) => deletions(of, over, value, facts) });
  return {
    index: indexOn(['created', 'deletion', 'conditions', 'status', ...definition.facets], ({ key, object }) =>
      definition.wantsAny(object) || conditionOf(object, definition.condition) !== undefined ? [nameText(key)] : NONE,
    ),
    loops: [
      loopOverIndex(parent, index, { name: `create-${name}`, context, owed: (key, facts) => creations(of, nameFrom(key), facts) }),
      deleteOver(`delete-${name}`, OWNER_INDEX),
      ...(target === undefined ? [] : [deleteOver(`delete-unowned-${name}`, target.index)]),
    ],
  };
}

const NONE: readonly string[] = Object.freeze([]);

/** `bornMs`: Unix time, ms. */
type SeenParent<Spec> = Readonly<{
  uid: string;
  reference: OwnerReference;
  bornMs: number;
  wanted: readonly WantedChild<Spec>[];
}>;

/** The names alone, for who asks about children. `named`: see `target`. */
type Wants = Readonly<{ uid: string; names: ReadonlySet<string>; named?: string }>;

type SeenChild = Readonly<{
  namespace: string;
  name: string;
  uid: string;
  deleting: boolean;
  marked: boolean;
  controller?: Readonly<{ kind: string; name: string; uid: string }>;
  target?: Readonly<{ name: string; uid: string }>;
}>;

type Views<P extends KindTypes, C extends KindTypes> = Readonly<{
  parent: View<P, SeenParent<C['spec']>>;
  wants: View<P, Wants>;
  /** What the parent says of its children; '' when nothing. */
  said: View<P, string>;
  child: View<UntypedKind, SeenChild>;
}>;

type Of<P extends KindTypes, C extends KindTypes> = Readonly<{ definition: ChildrenDefinition<P, C>; views: Views<P, C> }>;

function viewsOf<P extends KindTypes, C extends KindTypes>({
  name,
  parent,
  child,
  facets,
  condition,
  wanted,
  target,
}: ChildrenDefinition<P, C>): Views<P, C> {
  const want = remembered(wanted);
  return {
    parent: {
      kind: parent,
      name: `wants-${name}`,
      facets: () => ['created', 'deletion', ...facets],
      of: (state) => {
        if (isDeleting(state)) return undefined;
        const { apiVersion, kind, metadata } = state.object;
        const { uid } = metadata;
        const reference = { apiVersion, kind, name: metadata.name, uid, controller: true, blockOwnerDeletion: true };
        return { uid, reference, bornMs: Date.parse(metadata.creationTimestamp), wanted: want(state.object).wanted };
      },
    },
    wants: {
      kind: parent,
      name: `names-${name}`,
      facets: () => ['created', 'deletion', ...facets],
      of: (state) => {
        if (isDeleting(state)) return undefined;
        const named = target?.named(state.object);
        return { uid: state.object.metadata.uid, names: want(state.object).names, ...(named !== undefined && { named }) };
      },
    },
    said: {
      kind: parent,
      name: `says-of-${name}`,
      facets: () => ['created', 'conditions'],
      of: ({ object }) => textOf(conditionOf(object, condition)),
    },
    child: {
      kind: child as KindRef<UntypedKind>,
      name: `one-of-${name}`,
      facets: () => ['created', 'deletion', 'annotations', 'ownerReferences', ...(target === undefined ? [] : [target.facet])],
      // The state is one of the child's kind, so the cast gives it the types that it has.
      of: (state) => seenChild(state, target?.of(state.object as unknown as ApiObject<C>)),
    },
  };
}

type Made<Spec> = Readonly<{ uid: string; wanted: readonly WantedChild<Spec>[]; names: ReadonlySet<string> }>;

/** Made once for the spec of a parent, which may want a thousand: what it wants is read at each change of one of them. */
function remembered<P extends KindTypes, Spec>(wanted: (parent: ApiObject<P>) => readonly WantedChild<Spec>[]) {
  const bySpec = new WeakMap<object, Made<Spec>>();
  return (parent: ApiObject<P>): Made<Spec> => {
    const { spec = NO_SPEC, metadata } = parent;
    let made = bySpec.get(spec);
    if (made?.uid !== metadata.uid) {
      const all = wanted(parent);
      bySpec.set(spec, (made = { uid: metadata.uid, wanted: all, names: new Set(all.map(({ name }) => name)) }));
    }
    return made;
  };
}

const NO_SPEC = Object.freeze({});

function seenChild(state: Folded, target: Reference | undefined): SeenChild {
  const { metadata } = state.object;
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  return {
    namespace: state.key.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    deleting: isDeleting(state),
    marked: metadata.annotations?.[EPHEMERAL_ANNOTATION] === EPHEMERAL_MANAGER,
    ...(controller && { controller: { kind: controller.kind, name: controller.name, uid: controller.uid } }),
    ...(target?.uid !== undefined && { target: { name: target.name ?? '', uid: target.uid } }),
  };
}

/** A kind with a target needs no marker on what the parent controls. */
function isChildOf<P extends KindTypes, C extends KindTypes>(
  { controller, marked, target }: SeenChild,
  uid: string,
  definition: ChildrenDefinition<P, C>,
): boolean {
  const needsMarker = definition.target === undefined;
  if (controller?.uid === uid) return marked || !needsMarker;
  return !needsMarker && marked && target?.uid === uid;
}

/** What is owed to a parent: children that are not there, owners of those that are there, and the condition that says which it lacks. */
function creations<P extends KindTypes, C extends KindTypes>(
  { definition, views }: Of<P, C>,
  key: NameIn,
  facts: LoopFacts,
): readonly Draft[] {
  const parent = facts.see(views.parent, key);
  if (parent === undefined) return [];
  const { namespace = '' } = key;
  const drafts: Draft[] = [];
  const absent: string[] = [];
  const foreign: string[] = [];
  for (const wanted of parent.wanted) {
    const found = facts.see(views.child, { namespace, name: wanted.name });
    if (found === undefined) {
      absent.push(wanted.name);
      const refused = { key: { kind: definition.parent.kind, ...key }, uid: parent.uid, type: definition.condition };
      drafts.push({ ...creationOf(definition, parent, namespace, wanted), refused });
    } else if (isChildOf(found, parent.uid, definition)) {
      if (!found.deleting) drafts.push(...owning(definition, parent, namespace, found, wanted.unowned === true));
    } else if (isLeftOver(found, parent)) absent.push(wanted.name);
    else foreign.push(wanted.name);
  }
  // Nothing can be created where the namespace goes; its objects go anyway.
  if (absent.length > 0 && facts.see(openNamespace, { name: namespace }) !== true) return [];
  const said = facts.see(views.said, key) ?? '';
  const condition = lackOf(definition, foreign, absent.length > 0 && facts.passed(parent.bornMs + MISSED_AFTER_MS) ? absent : []);
  // Why one that is still absent was refused is said by whoever was answered so.
  const isRefused = absent.length > 0 && foreign.length === 0 && said.startsWith(REFUSED);
  if (!isRefused && said !== textOf(condition)) {
    const payload = { uid: parent.uid, type: definition.condition, ...(condition && { condition }) };
    drafts.push(ownerAct({ kind: definition.parent.kind, ...key }, 'ReportCondition', payload));
  }
  return drafts;
}

/** A namespace that takes new objects. */
const openNamespace: View<UntypedKind, true> = {
  kind: AnyNamespace,
  name: 'open',
  facets: () => ['created', 'deletion'],
  of: (state) => (isDeleting(state) ? undefined : true),
};

function creationOf<P extends KindTypes, C extends KindTypes>(
  { child, apiVersion }: ChildrenDefinition<P, C>,
  { reference }: SeenParent<C['spec']>,
  namespace: string,
  { name, metadata = {}, spec, unowned }: WantedChild<C['spec']>,
): Creation {
  const { labels, annotations } = metadata;
  return create(child, {
    apiVersion,
    metadata: {
      namespace,
      name,
      ...(labels !== undefined && { labels: { ...labels } }),
      annotations: { ...annotations, [EPHEMERAL_ANNOTATION]: EPHEMERAL_MANAGER },
      ...(unowned !== true && { ownerReferences: [reference] }),
    },
    spec,
  });
}

function owning<P extends KindTypes, C extends KindTypes>(
  { child }: ChildrenDefinition<P, C>,
  { uid, reference }: SeenParent<C['spec']>,
  namespace: string,
  { name, uid: childUid, controller }: SeenChild,
  unowned: boolean,
): readonly Draft[] {
  const key = { kind: child.kind, namespace, name };
  if (unowned) return controller?.uid === uid ? [ownerAct(key, 'DropOwner', { uid: childUid, owner: uid })] : [];
  return controller === undefined ? [ownerAct(key, 'AddOwner', { uid: childUid, owner: reference })] : [];
}

/** Whether it belongs to an earlier parent of the same name: it is about to be collected. */
function isLeftOver<Spec>({ controller }: SeenChild, { uid, reference }: SeenParent<Spec>): boolean {
  return controller?.kind === reference.kind && controller.name === reference.name && controller.uid !== uid;
}

function lackOf<P extends KindTypes, C extends KindTypes>(
  { condition: type, child: { kind } }: ChildrenDefinition<P, C>,
  foreign: readonly string[],
  missed: readonly string[],
): ConditionFact | undefined {
  const lacks = (reason: string, message: string): ConditionFact => ({ type, status: 'False', reason, message });
  if (foreign.length > 0) {
    return lacks(
      'NameInUse',
      `${kind} ${firstFew(foreign)} is there and was not made for it, so it is not taken; delete it, and it is made anew`,
    );
  }
  if (missed.length === 0) return undefined;
  return lacks('CreationPending', `waits for ${kind} ${firstFew(missed)}`);
}

const REFUSED = `False ${CREATION_REFUSED} `;

function textOf(condition: Pick<ConditionFact, 'status' | 'reason' | 'message'> | undefined): string {
  return condition === undefined ? '' : `${condition.status} ${condition.reason} ${condition.message}`;
}

/** Deletes the children under an index value that their parents do not want (any more). A parent that is going or gone decides nothing. */
function deletions<P extends KindTypes, C extends KindTypes>(
  { definition, views }: Of<P, C>,
  index: string,
  value: string,
  facts: LoopFacts,
): readonly Draft[] {
  /** Read once for each parent, however many children there are. */
  const parents = new Map<string, Wants | undefined>();
  const isUnwanted = ({ namespace, name, controller }: SeenChild, parent: Readonly<{ name: string; uid: string }>): boolean => {
    if (!parents.has(parent.name)) parents.set(parent.name, facts.see(views.wants, { namespace, name: parent.name }));
    const wants = parents.get(parent.name);
    if (wants?.uid !== parent.uid || (wants.named === name && controller?.uid !== parent.uid)) return false;
    return !wants.names.has(name);
  };
  const drafts: Draft[] = [];
  for (const child of facts.seeAll(views.child, index, value)) {
    const { namespace, name, uid, controller, target } = child;
    if (child.deleting) continue;
    const named = [...(controller?.kind === definition.parent.kind ? [controller] : []), ...(target ? [target] : [])];
    if (!named.some((parent) => isChildOf(child, parent.uid, definition) && isUnwanted(child, parent))) continue;
    drafts.push({ target: 'object', key: { kind: definition.child.kind, namespace, name }, verb: 'delete', uid });
    if (drafts.length === DEPENDENTS_MAX) break;
  }
  return drafts;
}
