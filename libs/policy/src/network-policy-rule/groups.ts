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

/** What one selector of a policy selects; without a group: targets. */
export type Selection = Readonly<{ group?: string; kind: PeerKind; selector: LabelSelectorModel }>;
type Anchored = ReadonlyMap<string, readonly Selection[]>;

const anchoredBySpec = new WeakMap<NetworkPolicySpec, Anchored>();

/** The selections of a policy by where they are anchored (`anchorsOf`). A policy lies in one namespace, so its spec does too. */
export function anchoredIn(spec: NetworkPolicySpec, namespace: string): Anchored {
  let found = anchoredBySpec.get(spec);
  if (found === undefined) anchoredBySpec.set(spec, (found = anchor(spec, namespace)));
  return found;
}

function anchor(spec: NetworkPolicySpec, namespace: string): Anchored {
  const anchored = new Map<string, Selection[]>();
  const targets: Selection = { kind: 'NetworkInterface', selector: spec.networkInterfaceSelector ?? {} };
  const peers = groupsOf(spec).map(({ key, kind, selector }): Selection => ({ group: key, kind, selector }));
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
