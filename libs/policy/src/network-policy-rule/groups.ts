/**
 * What the rules of a policy select: its targets, and a group of peers for each object selector. A group is known by its kind and its selector, not by its
 * place: the same selector in two rules is one group, and rules in another order change nothing.
 */
import { anchorsOf, type LabelSelectorModel, selectorText } from '@weft/api';
import {
  type NetworkPolicyPeer,
  type NetworkPolicySpec,
  type ObjectSelectorModel,
  PEER_KINDS,
  type PeerKind,
} from '../network-policy/network-policy.model.ts';

export type PeerGroup = Readonly<{ key: string; kind: PeerKind; selector: LabelSelectorModel }>;

/** `LoadBalancer app=web`, `VirtualIP` when all of them are meant. Undefined for a kind that no rule lets pass. */
export function groupKey(selector: ObjectSelectorModel): string | undefined {
  const kind = kindOf(selector);
  return kind && [kind, selectorText(selector)].filter((part) => part !== '').join(' ');
}

function kindOf({ kind }: ObjectSelectorModel): PeerKind | undefined {
  return PEER_KINDS.find((known) => known === kind);
}

/** Found once for each version of a policy's rules: states share them. */
const groupsBySpec = new WeakMap<NetworkPolicySpec, readonly PeerGroup[]>();

/** The groups of peers, each once, in the order of their keys. */
export function groupsOf(spec: NetworkPolicySpec): readonly PeerGroup[] {
  let found = groupsBySpec.get(spec);
  if (found === undefined) groupsBySpec.set(spec, (found = findGroups(spec)));
  return found;
}

function findGroups({ ingress = [], egress = [] }: NetworkPolicySpec): readonly PeerGroup[] {
  const groups = new Map<string, PeerGroup>();
  const add = ({ objectSelector }: NetworkPolicyPeer) => {
    if (objectSelector === undefined) return;
    const [key, kind] = [groupKey(objectSelector), kindOf(objectSelector)];
    if (key === undefined || kind === undefined) return;
    const { kind: _, ...selector } = objectSelector;
    groups.set(key, { key, kind, selector });
  };
  for (const { from = [] } of ingress) from.forEach(add);
  for (const { to = [] } of egress) to.forEach(add);
  return [...groups.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Where the objects of a kind are looked for: VirtualIPs are in no Network. */
export function scopeOf(kind: PeerKind, namespace: string, network: string): string {
  return kind === 'VirtualIP' ? `${kind} ${namespace}` : `${kind} ${namespace}/${network}`;
}

/**
 * What one selector of a policy selects, for rows: policies of one Network that select the same have the same selection, so that what it selects is said
 * once. A selection is known by a text that holds all of it.
 */
export type Selection = Readonly<{
  /** Name of the Network, in the namespace of the policy. */
  network: string;
  /** Whether the policy regulates what is selected, or names it as a peer. */
  as: 'target' | 'peer';
  kind: PeerKind;
  /** The same for the same selector: the key of a group of peers, likewise of targets. */
  name: string;
  selector: LabelSelectorModel;
  /** Where it is anchored (`anchorsOf`). */
  places: readonly string[];
}>;

const selectionsBySpec = new WeakMap<NetworkPolicySpec, readonly string[]>();

/** The texts of a policy's selections. Found once for each version of its rules, so that an index sees that nothing has changed. */
export function selectionsOf(spec: NetworkPolicySpec, namespace: string): readonly string[] {
  let found = selectionsBySpec.get(spec);
  if (found === undefined) {
    const network = spec.networkRef?.name ?? '';
    const textOf = (as: Selection['as'], { kind, selector }: PeerGroup) =>
      JSON.stringify([as, namespace, network, kind, inOneOrder(selector)] satisfies SelectionText);
    found = [textOf('target', targetsOf(spec)), ...groupsOf(spec).map((group) => textOf('peer', group))];
    selectionsBySpec.set(spec, found);
  }
  return found;
}

type SelectionText = [as: Selection['as'], namespace: string, network: string, kind: PeerKind, selector: LabelSelectorModel];

export function selectionOf(text: string): Selection {
  // Only `selectionsOf` makes these texts.
  const [as, namespace, network, kind, selector] = JSON.parse(text) as SelectionText;
  const name = groupKey({ kind, ...selector }) ?? kind;
  return { network, as, kind, name, selector, places: anchorsOf(scopeOf(kind, namespace, network), selector) };
}

type Requirement = NonNullable<LabelSelectorModel['matchExpressions']>[number];

/** Selectors with the same text (`selectorText`) become the same. */
function inOneOrder({ matchLabels = {}, matchExpressions = [] }: LabelSelectorModel): LabelSelectorModel {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  const byText = new Map<string, Requirement>();
  for (const { key, operator, values } of matchExpressions) {
    const requirement = { ...(key !== undefined && { key }), ...(operator !== undefined && { operator }) };
    const sorted = values === undefined ? requirement : { ...requirement, values: [...new Set(values)].sort() };
    byText.set(selectorText({ matchExpressions: [sorted] }), sorted);
  }
  const expressions = [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, requirement]) => requirement);
  return {
    ...(labels.length > 0 && { matchLabels: Object.fromEntries(labels) }),
    ...(expressions.length > 0 && { matchExpressions: expressions }),
  };
}

/** The interfaces that a policy regulates, as a group. */
export function targetsOf({ networkInterfaceSelector: selector = {} }: NetworkPolicySpec): PeerGroup {
  const kind = 'NetworkInterface';
  return { key: groupKey({ kind, ...selector }) ?? kind, kind, selector };
}

/** What one selector of a policy selects; without a group: targets. */
export type AnchoredSelection = Readonly<{ group?: string; kind: PeerKind; selector: LabelSelectorModel }>;
type Anchored = ReadonlyMap<string, readonly AnchoredSelection[]>;

const anchoredBySpec = new WeakMap<NetworkPolicySpec, Anchored>();

/** The selections of a policy by where they are anchored (`anchorsOf`). A policy lies in one namespace, so its spec does too. */
export function anchoredIn(spec: NetworkPolicySpec, namespace: string): Anchored {
  let found = anchoredBySpec.get(spec);
  if (found === undefined) anchoredBySpec.set(spec, (found = anchor(spec, namespace)));
  return found;
}

function anchor(spec: NetworkPolicySpec, namespace: string): Anchored {
  const anchored = new Map<string, AnchoredSelection[]>();
  const targets: AnchoredSelection = { kind: 'NetworkInterface', selector: spec.networkInterfaceSelector ?? {} };
  const peers = groupsOf(spec).map(({ key, kind, selector }): AnchoredSelection => ({ group: key, kind, selector }));
  for (const selection of [targets, ...peers]) {
    for (const place of anchorsOf(scopeOf(selection.kind, namespace, spec.networkRef?.name ?? ''), selection.selector)) {
      const here = anchored.get(place);
      if (here === undefined) anchored.set(place, [selection]);
      else here.push(selection);
    }
  }
  return anchored;
}

const placesByAnchored = new WeakMap<Anchored, readonly string[]>();

/** The keys of `anchored`, as one list for each version, so that an index sees that nothing has changed. */
export function placesOf(anchored: Anchored): readonly string[] {
  let found = placesByAnchored.get(anchored);
  if (found === undefined) placesByAnchored.set(anchored, (found = [...anchored.keys()]));
  return found;
}
