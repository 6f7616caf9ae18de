/** An interface shows the VirtualIP that it holds, or says why it holds none (resources 3.7, 3.13). Only those that name one are looked at. */
import {
  AnyVirtualIp,
  act,
  type ConditionFact,
  conditionFacts,
  conditionOf,
  type Folded,
  type Loop,
  type LoopFacts,
  loopOverIndex,
  type NameIn,
  nameFrom,
  type SeenVirtualIp,
  specOf,
  statusOf,
  type View,
} from '@weft/api';
import { NetworkInterface, type NicTypes } from './network-interface.types.ts';

type SeenHolder = Readonly<{ ip?: string; uid: string; name: string }>;

/** The address of a VirtualIP, and who holds it: '' for nobody. */
const holderOfVirtualIp: View<SeenVirtualIp, SeenHolder> = {
  kind: AnyVirtualIp,
  name: 'holder',
  of: ({ object }) => {
    const { ip } = statusOf(object);
    const { uid = '', name = '' } = specOf(object).targetRef ?? {};
    return { uid, name, ...(ip !== undefined && { ip }) };
  },
};

type Naming = Readonly<{ namespace: string; name: string; uid: string; shown: string; said: string }>;

/** An interface that names a VirtualIP, and what it shows of it. */
const namingVirtualIp: View<NicTypes, Naming> = {
  kind: NetworkInterface,
  name: 'names-virtual-ip',
  facets: () => ['created', 'spec.virtualIP', 'virtualIP', 'conditions'],
  of: ({ key: { namespace = '', name }, object }) => {
    const said = conditionOf(object, VIRTUAL_IP_BOUND);
    return {
      namespace,
      name,
      uid: object.metadata.uid,
      shown: statusOf(object).virtualIP ?? '',
      said: said === undefined ? '' : textOf(said),
    };
  },
};

export const VIRTUAL_IP_BOUND = 'VirtualIPBound';

const textOf = ({ status, reason, message }: Pick<ConditionFact, 'status' | 'reason' | 'message'>) => `${status} ${reason} ${message}`;

const waits = (reason: string, message: string): ConditionFact => ({ type: VIRTUAL_IP_BOUND, status: 'False', reason, message });

function bound(virtualIp: NameIn, { uid }: Naming, facts: LoopFacts): Readonly<{ ip?: string; condition: ConditionFact }> {
  const held = facts.see(holderOfVirtualIp, virtualIp);
  const named = `VirtualIP "${virtualIp.name}"`;
  if (held === undefined) return { condition: waits('VirtualIPNotFound', `waits for ${named}`) };
  if (held.uid === '') return { condition: waits('VirtualIPPending', `is about to hold ${named}`) };
  if (held.uid !== uid) return { condition: waits('HeldByAnother', `${named} is held by "${held.name}", which named it first`) };
  if (held.ip === undefined) return { condition: waits('AddressPending', `holds ${named}, which has no address yet`) };
  return { ip: held.ip, condition: { type: VIRTUAL_IP_BOUND, status: 'True', reason: 'Bound', message: `holds ${named}` } };
}

export const showVirtualIps: Loop = loopOverIndex(NetworkInterface, 'virtualIP', {
  name: 'show-virtual-ips',
  context: 'network',
  provider: 'weft',
  owed: (virtualIp, facts) =>
    [...facts.seeAll(namingVirtualIp, 'virtualIP', virtualIp)].flatMap((nic) => {
      const { ip, condition } = bound(nameFrom(virtualIp), nic, facts);
      if ((ip ?? '') === nic.shown && textOf(condition) === nic.said) return [];
      return [act(NetworkInterface, nic, 'ShowVirtualIP', { uid: nic.uid, condition, ...(ip !== undefined && { ip }) })];
    }),
});

/** What the command does, as long as the interface names a VirtualIP. */
export function shownFacts({ object }: Folded<NicTypes>, { ip, condition }: NicTypes['actions']['ShowVirtualIP']) {
  if (specOf(object).virtualIP === undefined) return [];
  const isShown = (statusOf(object).virtualIP ?? '') === (ip ?? '');
  const shown = { type: 'NetworkInterfaceVirtualIPShown.v1', data: ip === undefined ? {} : { ip } } as const;
  return [...(isShown ? [] : [shown]), ...conditionFacts(object, condition)];
}
