/** Control loops of LoadBalancers: they accept addresses, and report what the balancer has and waits for. */
import {
  AnyVirtualIp,
  act,
  addressOfChild,
  type BalancerGrant,
  balancerGrants,
  type ConditionFact,
  conditionOf,
  type Folded,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOver,
  nameFrom,
  type PrefixLack,
  ready,
  type SeenVirtualIp,
  specOf,
  statusOf,
  uidOfNetwork,
  type View,
} from '@weft/api';
import { TARGETS_MAX } from '../load-balancer-routing/load-balancer-routing.types.ts';
import {
  destinationsOfRouting,
  failuresOfRouting,
  isRoutingIn,
  targetsOfRouting,
} from '../load-balancer-routing/load-balancer-routing.views.ts';
import { ephemeralPrefixes } from './ephemeral-prefixes.ts';
import { healthCheckOf } from './health-check.ts';
import { balancerAddresses, networkOf, reportFacts } from './load-balancer.kind.ts';
import { LoadBalancer, type LoadBalancerTypes } from './load-balancer.types.ts';

type Balancer = Folded<LoadBalancerTypes>;

/** The address of a VirtualIP that the object with the uid `arg` holds: '' while it has none. Undefined: another object holds it. */
const heldAddress: View<SeenVirtualIp, string> = {
  kind: AnyVirtualIp,
  name: 'held-address',
  of: ({ object }, arg) => (specOf(object).targetRef?.uid === arg ? (statusOf(object).ip ?? '') : undefined),
};

const NO_NUMBER = ready('False', 'NumberPending', 'waits for its number within the Network');

/** Why an Internal balancer does not have an address of its Network that it should have. */
function lackOf(ip: string, grant: BalancerGrant | undefined, facts: LoopFacts): PrefixLack | undefined {
  const { ips = [], taken: { [ip]: taken } = {} } = grant ?? {};
  if (ips.includes(ip)) return undefined;
  if (taken === undefined) return { reason: 'AddressPending', message: `waits for ${ip}` };
  const { nic, balancer } = taken;
  if (nic !== undefined) return { reason: 'AddressInUse', message: `${ip} is held by NetworkInterface "${nic}"` };
  if (balancer !== undefined && facts.record(balancerGrants, balancer.uid)?.ips.includes(ip) === true) {
    return { reason: 'AddressInUse', message: `${ip} is held by LoadBalancer "${balancer.name}"` };
  }
  return { reason: 'AddressResting', message: `hosts have yet to remove the former holder of ${ip}` };
}

/** The addresses that it has, and the first that it waits for. */
function addressesOf(balancer: Balancer, facts: LoopFacts): Readonly<{ ips: string[]; waits?: ConditionFact }> {
  const { key, object } = balancer;
  const { type, ipFamilies = [], virtualIPs = [], ips: sources = [] } = specOf(object);
  const ips: string[] = [];
  const grant = facts.record(balancerGrants, object.metadata.uid);
  let waits = grant?.number === undefined ? NO_NUMBER : undefined;
  const { namespace = '' } = key;
  if (type !== 'Public') {
    for (const [i, { value }] of sources.entries()) {
      const child = { namespace, name: `${key.name}-${i}` };
      const seen = value === undefined ? addressOfChild(child, object.metadata.uid, facts) : { ip: value };
      const lack = 'ip' in seen ? lackOf(seen.ip, grant, facts) : seen;
      if (lack !== undefined) waits ??= ready('False', lack.reason, lack.message);
      else if ('ip' in seen) ips.push(seen.ip);
    }
    if (sources.length === 0) waits = ready('False', 'NoAddress', 'spec.ips gives it no address');
  } else if (virtualIPs.length > 0) {
    for (const { virtualIPRef: { name = '' } = {} } of virtualIPs) {
      const ip = facts.see(heldAddress, { namespace, name }, object.metadata.uid);
      if (ip !== undefined && ip !== '') ips.push(ip);
      else
        waits ??= ready(
          'False',
          'VirtualIPPending',
          `waits for VirtualIP "${name}"${ip === '' ? ', which has no address yet' : ' to be its own'}`,
        );
    }
  } else {
    const { held = {} } = balancer.facts.publicAddresses ?? {};
    for (const family of ipFamilies) if (held[family] !== undefined) ips.push(held[family]);
    if (ips.length < ipFamilies.length) {
      const answer = conditionOf(object, 'AddressesAllocated');
      waits = ready('False', answer?.reason ?? 'AddressPending', answer?.message ?? 'waits for a public address');
    }
  }
  return { ips, ...(waits && { waits }) };
}

function conditionsOf(balancer: Balancer, waits: ConditionFact | undefined, facts: LoopFacts): readonly ConditionFact[] {
  const { key, object } = balancer;
  const network = specOf(object).networkRef?.name ?? '';
  const uid = facts.see(uidOfNetwork, nameFrom(networkOf(balancer)));
  const isReady =
    uid !== undefined
      ? (waits ?? ready('True', 'Available', 'has its addresses'))
      : ready('False', 'NetworkNotFound', `waits for Network "${network}"`);
  const targets = facts.see(targetsOfRouting, key, object.metadata.uid);
  const written = targets === undefined ? facts.see(destinationsOfRouting, key) : undefined;
  const type = 'TargetsSelected';
  const selected = (): ConditionFact => {
    if (specOf(object).networkInterfaceSelector === undefined) {
      if (written !== undefined && uid !== undefined && !isRoutingIn(written.network, { name: network, uid })) {
        const message = `its LoadBalancerRouting names another Network than "${network}" with uid ${uid}: its destinations are no targets`;
        return { type, status: 'False', reason: 'OtherNetwork', message };
      }
      return { type, status: 'Unknown', reason: 'NoSelector', message: 'has no selector: somebody else writes its LoadBalancerRouting' };
    }
    if (targets === undefined || targets === 'none') {
      return { type, status: 'False', reason: 'NoTargets', message: `selects no Available NetworkInterface of Network "${network}"` };
    }
    return { type, status: 'True', reason: 'Selected', message: 'selects interfaces that are Available' };
  };
  const isTooMany = (targets ?? written?.amount) === 'tooMany';
  return [isReady, selected(), ...healthOf(balancer, facts), ...(isTooMany ? [TOO_MANY] : [])];
}

/** Of a balancer that fills its routing, and whose targets are checked. */
function healthOf({ key, object }: Balancer, facts: LoopFacts): readonly ConditionFact[] {
  if (healthCheckOf(object) === undefined) return [];
  const type = 'TargetsHealthy';
  switch (facts.see(failuresOfRouting, key, object.metadata.uid)) {
    case 'none':
      return [{ type, status: 'True', reason: 'ChecksPass', message: 'no target fails its check' }];
    case 'some':
      return [{ type, status: 'False', reason: 'TargetsFailed', message: 'some targets fail their check: new flows go to others' }];
    case 'all':
      return [
        { type, status: 'False', reason: 'AllTargetsFailed', message: 'all targets fail their check: flows are spread over all of them' },
      ];
    default:
      return [{ type, status: 'Unknown', reason: 'NoSelector', message: 'only targets that it selects are checked' }];
  }
}

const TOO_MANY: ConditionFact = {
  type: 'TooManyTargets',
  status: 'True',
  reason: 'TooManyTargets',
  message: `has more than ${TARGETS_MAX} targets: the first ${TARGETS_MAX} by name serve`,
};

const reportBalancers = loopOver(LoadBalancer, {
  name: 'report-load-balancers',
  context: 'lb',
  provider: 'weft',
  owed: (balancer, facts) => {
    if (isDeleting(balancer)) return [];
    const { ips, waits } = addressesOf(balancer, facts);
    const payload = { uid: balancer.object.metadata.uid, ips, conditions: [...conditionsOf(balancer, waits, facts)] };
    return reportFacts(balancer, payload).length === 0 ? [] : [act(LoadBalancer, balancer.key, 'Report', payload)];
  },
});

export const loadBalancerLoops: readonly Loop[] = [...ephemeralPrefixes.loops, balancerAddresses.loop, reportBalancers];
