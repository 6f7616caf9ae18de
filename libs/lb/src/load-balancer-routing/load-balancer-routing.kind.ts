/**
 * LoadBalancerRouting (resources 2.6, 3.9): where traffic of the LoadBalancer of its name goes. It is filled by a loop when the balancer has a selector,
 * target by target, and assembled when it is read (ADR 27). Otherwise it is what somebody wrote.
 *
 *   LoadBalancerRoutingManaged                         by which balancer, in which Network
 *   LoadBalancerTargetJoined, LoadBalancerTargetLeft   interfaces that are selected and Available
 */
import {
  AGE_COLUMN,
  type ApiObject,
  accepted,
  assembly,
  type Column,
  created,
  type DecideContext,
  type Decision,
  defineKind,
  type FactOf,
  type Folded,
  forbiddenStatus,
  isIncarnation,
  memberOf,
  membersByName,
  membersIn,
  NAME_COLUMN,
  type ObjectMeta,
  type OwnerReference,
  objectSchema,
  ownerReferencesChanged,
  rejected,
  sameJson,
  textColumn,
  uidOfNew,
  wholeSeconds,
  withMember,
  withoutMember,
} from '@weft/api';
import { LoadBalancer } from '../load-balancer/load-balancer.types.ts';
import { loadBalancerRoutingModel, type RoutingDestination } from './load-balancer-routing.model.ts';
import { routingDefaults, routingRules } from './load-balancer-routing.rules.ts';
import {
  LoadBalancerRouting,
  type LoadBalancerRoutingTypes,
  loadBalancerRoutingEvents,
  loadBalancerRoutingPayloads,
  type RoutingTarget,
} from './load-balancer-routing.types.ts';

const group = 'networking.ironcore.dev';
const names = { group, version: 'v1alpha1', kind: 'LoadBalancerRouting' } as const;

type Routing = Folded<LoadBalancerRoutingTypes>;
type RoutingFact = FactOf<LoadBalancerRoutingTypes>;
type Payload<A extends keyof LoadBalancerRoutingTypes['actions']> = LoadBalancerRoutingTypes['actions'][A];

/** The column shows at most so many addresses. */
const SHOWN_MAX = 3;

const columns: readonly Column<LoadBalancerRoutingTypes>[] = [
  NAME_COLUMN,
  textColumn('Targets', 'First addresses that receive traffic.', ({ destinations = [] }) => {
    if (destinations.length === 0) return '<unset>';
    const shown = destinations.slice(0, SHOWN_MAX).map(({ ip = '' }) => ip);
    return shown.join(',') + (destinations.length > SHOWN_MAX ? ` + ${destinations.length - SHOWN_MAX} more` : '');
  }),
  AGE_COLUMN,
];

function destinationsOf([uid, { name, ips, providerID }]: readonly [string, RoutingTarget]): RoutingDestination[] {
  return ips.map((ip) => ({ ip, targetRef: { uid, name, ...(providerID !== undefined && { providerID }) } }));
}

function pieces({ object, facts: { targets } }: Routing): readonly RoutingDestination[] {
  return [...(object.destinations ?? []), ...membersByName(targets).flatMap(destinationsOf)];
}

export const loadBalancerRoutingKind = defineKind(LoadBalancerRouting, {
  ...names,
  plural: 'loadbalancerroutings',
  singular: 'loadbalancerrouting',
  shortNames: ['lbr', 'lbrt'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'lb',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: false,
  tracksGeneration: false,
  columns,
  schema: objectSchema(names, 'Where the traffic of a LoadBalancer goes.', loadBalancerRoutingModel),
  model: loadBalancerRoutingModel,
  assembly: assembly<LoadBalancerRoutingTypes>()({
    pieces,
    assemble: (object, destinations) => ({ ...object, destinations: [...destinations] }),
  }),
  defaults: routingDefaults,
  rules: routingRules,
  indexes: {},
  events: loadBalancerRoutingEvents,
  payloads: loadBalancerRoutingPayloads,
  onChange: written,
  actions: {
    Manage: manage,
    SetTarget: (before, { uid, target }) => {
      if (!isIncarnation(before, uid) || before.facts.balancer === undefined) return accepted([]);
      const { uid: of, ...fields } = target;
      return accepted(sameJson(memberOf(before.facts.targets, of), fields) ? [] : [{ type: 'LoadBalancerTargetJoined.v1', data: target }]);
    },
    DropTarget: (before, { uid, target }) => {
      const isTarget = isIncarnation(before, uid) && memberOf(before.facts.targets, target) !== undefined;
      return accepted(isTarget ? [{ type: 'LoadBalancerTargetLeft.v1', data: { uid: target } }] : []);
    },
    ReportHealth: (before, { balancer, targets }) => {
      const { facts } = before;
      if (before.status !== 'live' || facts.balancer !== balancer) return accepted([]);
      return accepted(
        targets.flatMap(({ uid, healthy }): readonly RoutingFact[] => {
          const isFailed = memberOf(facts.failed ?? {}, uid) === true;
          if (memberOf(facts.targets, uid) === undefined || isFailed !== healthy) return [];
          return [{ type: healthy ? 'LoadBalancerTargetRecovered.v1' : 'LoadBalancerTargetFailed.v1', data: { uid } }];
        }),
      );
    },
    Complete: (before, { uid, destinations }) => {
      const { object, facts } = before;
      if (!isIncarnation(before, uid) || facts.balancer !== undefined || sameJson(object.destinations ?? [], destinations))
        return accepted([]);
      return accepted([writtenFact({ ...object, destinations })]);
    },
  },
  evolve: {
    'LoadBalancerRoutingManaged.v1': ({ object, facts }, { balancer, network }) => {
      const { destinations: _, ...rest } = object;
      const isSame = facts.balancer === balancer;
      return { object: { ...rest, networkRef: network }, facts: isSame ? { ...facts, balancer } : { balancer, targets: {} } };
    },
    'LoadBalancerTargetJoined.v1': ({ object, facts }, { uid, ...target }) => ({
      object,
      facts: { ...facts, targets: withMember(facts.targets, uid, target) },
    }),
    'LoadBalancerTargetLeft.v1': ({ object, facts }, { uid }) => ({
      object,
      facts: recovered({ ...facts, targets: withoutMember(facts.targets, uid) }, uid),
    }),
    'LoadBalancerTargetFailed.v1': ({ object, facts }, { uid }) => ({
      object,
      facts: { ...facts, failed: withMember(facts.failed ?? {}, uid, true) },
    }),
    'LoadBalancerTargetRecovered.v1': ({ object, facts }, { uid }) => ({ object, facts: recovered(facts, uid) }),
    'LoadBalancerRoutingWritten.v1': ({ object }, { networkRef, destinations }) => {
      const { networkRef: _, destinations: __, ...rest } = object;
      return { object: { ...rest, ...(networkRef && { networkRef }), ...(destinations && { destinations }) }, facts: { targets: {} } };
    },
  },
  facets: {
    'LoadBalancerRoutingManaged.v1': 'managed',
    'LoadBalancerTargetJoined.v1': 'targets',
    'LoadBalancerTargetLeft.v1': 'targets',
    'LoadBalancerTargetFailed.v1': 'failed',
    'LoadBalancerTargetRecovered.v1': 'failed',
    'LoadBalancerRoutingWritten.v1': () => ['managed', 'destinations'],
  },
  initialFacts: { targets: {} },
});

function recovered({ failed, ...facts }: Routing['facts'], uid: string): Routing['facts'] {
  const left = failed && withoutMember(failed, uid);
  return left === undefined || membersIn(left).length === 0 ? facts : { ...facts, failed: left };
}

function writtenFact({ networkRef, destinations }: ApiObject<LoadBalancerRoutingTypes>): RoutingFact {
  return {
    type: 'LoadBalancerRoutingWritten.v1',
    data: { ...(networkRef && { networkRef }), ...(destinations && { destinations: [...destinations] }) },
  };
}

/** What a balancer fills, nobody else writes, as long as that balancer owns it. Labels and the like are everybody's. */
function written(before: Routing, after: ApiObject<LoadBalancerRoutingTypes>): Decision<RoutingFact> {
  const isSame = sameJson(pieces(before), after.destinations ?? []) && sameJson(before.object.networkRef, after.networkRef);
  if (isSame) return accepted([]);
  const { balancer } = before.facts;
  const isFilled = balancer !== undefined && before.object.metadata.ownerReferences?.some(({ uid }) => uid === balancer) === true;
  if (!isFilled) return accepted([writtenFact(after)]);
  const why = `its destinations are those that LoadBalancer "${before.key.name}" selects; a balancer without networkInterfaceSelector leaves them to others`;
  return rejected(forbiddenStatus({ ...names, plural: 'loadbalancerroutings' }, before.key.name, why));
}

function manage(before: Routing, { balancer, network }: Payload<'Manage'>, context: DecideContext): Decision<RoutingFact> {
  const managed: RoutingFact = { type: 'LoadBalancerRoutingManaged.v1', data: { balancer, network } };
  if (before.status !== 'live')
    return accepted([created(LoadBalancerRouting, { metadata: metadataOf(before, balancer, context) }), managed]);
  const isSame = before.facts.balancer === balancer && sameJson(before.object.networkRef, network);
  if (isSame) return accepted([]);
  // One that somebody wrote is taken over; another controller of it stays beside.
  const { ownerReferences = [] } = before.object.metadata;
  const others = ownerReferences.filter(({ kind, name }) => kind !== LoadBalancer.kind || name !== before.key.name);
  const owners = [...others, ownerOf(before, balancer)];
  return accepted([managed, ...(sameJson(owners, ownerReferences) ? [] : [ownerReferencesChanged(owners)])]);
}

/** Other than references to other kinds, without blockOwnerDeletion (resources 1.9). */
function ownerOf({ key }: Routing, balancer: string): OwnerReference {
  return { apiVersion: `${group}/v1alpha1`, kind: LoadBalancer.kind, name: key.name, uid: balancer, controller: true };
}

function metadataOf(before: Routing, balancer: string, { derive, now }: DecideContext): Omit<ObjectMeta, 'resourceVersion'> {
  const { key } = before;
  const { namespace = '', name } = key;
  return {
    name,
    namespace,
    uid: uidOfNew(key, derive),
    creationTimestamp: wholeSeconds(now),
    ownerReferences: [ownerOf(before, balancer)],
  };
}
