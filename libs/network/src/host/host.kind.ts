/**
 * Host: registers itself through its agent, holds networks, reports what its kernel reflects (resources 2.11, DESIGN 9.9).
 *
 *   a network on a host:   -- HoldNetwork --> held -- IdleNetwork --> idle -- ReportApplied or Reached past it --> released
 *                                              ^____ HoldNetwork ______|
 *
 * A network is released only when the agent reports that the kernel reflects the removal of its last interface. Peers of these networks are imported
 * (`imports.ts`).
 */
import {
  type ApiObject,
  accepted,
  type ConditionFact,
  canonicalIp,
  conditionChanged,
  conditionFacts,
  conditionOf,
  conflict,
  created,
  type DecideContext,
  type Decision,
  defineKind,
  EVERYTHING,
  type Facts,
  type Folded,
  indexOn,
  invalid,
  invalidStatus,
  isIncarnation,
  nameProblems,
  nameText,
  objectSchema,
  rejected,
  sameJson,
  specOf,
  statusOf,
  uidOfNew,
  wholeSeconds,
} from '@weft/api';
import { claimHost, grantedIndex, releaseHost } from '../host-index/host-index.ts';
import { Network } from '../network/network.types.ts';
import { NetworkInterface } from '../network-interface/network-interface.types.ts';
import { hasApplied } from '../quarantine.ts';
import { onceFor } from '../remembered.ts';
import { hostColumns } from './host.columns.ts';
import { hostDefaults } from './host.defaults.ts';
import {
  applied,
  drifted,
  fellBehind,
  type HostFact,
  hostEvolve,
  hostFacets,
  indexAssigned,
  lost,
  mtuChanged,
  networkHeld,
  networkIdle,
  networkReleased,
  nicsProgrammed,
  recovered,
  registered,
  returned,
  rolesChanged,
  specFacts,
  troubled,
  underlayChanged,
  underlayLost,
} from './host.facts.ts';
import {
  APPLIED,
  badHealth,
  endsLag,
  HEARD,
  type Health,
  healthOf,
  isConverged,
  isHeard,
  isReady,
  LAGS,
  SILENCE,
  STARTING,
} from './host.health.ts';
import { hostModel } from './host.model.ts';
import { hostRules } from './host.rules.ts';
import { type AgentFacts, type DriverFaults, Host, type HostTypes, hostEvents, hostPayloads, type Trouble } from './host.types.ts';
import { idleImportFacts, importsLeftBehind } from './imports.ts';
import { changesOnHost, placementChanges } from './placement-changes.ts';

type HostState = Folded<HostTypes>;
type HostDecision = Decision<HostFact>;
type Payload<Action extends keyof HostTypes['actions']> = HostTypes['actions'][Action];

const names = { group: 'fabric.weft.dev', version: 'v1alpha1', kind: 'Host' } as const;
const shape = { ...names, plural: 'hosts', nameRule: 'subdomain' } as const;

/** Ports in one report. */
const REPORTED_MAX = 500;
/** Faults whose text goes into the condition. */
const FAULTS_NAMED_MAX = 3;
/** More indexes than one machine will ever show. */
const AVOIDED_MAX = 4_096;

type Held = NonNullable<HostTypes['facts']['held']>;
type Imported = NonNullable<HostTypes['facts']['imported']>;

/** Index values of what a host holds and imports: found once, since each of its reports, every second, leaves that as it is. */
const vnisOf = onceFor((held: Held) => Object.keys(held));
const unionsOf = onceFor((_imported: Imported) => new WeakMap<Held, readonly string[]>());
const holdsOf = inUseOn<Held>('');
const importsOf = inUseOn<Imported>('used');
const NOTHING_HELD: Held = {};
const NOTHING_IMPORTED: Imported = {};

const BEHIND: readonly string[] = [''];
const NOT_BEHIND: readonly string[] = [];

/** Whether its kernel may hold something for a network or for a public address. */
function mayForward({ object, facts: { held = NOTHING_HELD, imported = NOTHING_IMPORTED } }: Folded<HostTypes>): boolean {
  const isEdge = specOf(object).roles?.includes('Edge') === true;
  return isEdge || vnisOf(held).length > 0 || Object.keys(imported).length > 0;
}

function allVnisOf(held: Held, imported: Imported): readonly string[] {
  const unions = unionsOf(imported);
  let found = unions.get(held);
  if (found === undefined) unions.set(held, (found = [...new Set([...vnisOf(held), ...Object.keys(imported)])]));
  return found;
}

/** `<host> <vni>` of those whose use is this. What is held belongs to one host. */
function inUseOn<R extends Readonly<Record<string, string>>>(use: string): (of: R, host: string) => readonly string[] {
  const found = new WeakMap<R, readonly string[]>();
  return (of, host) => {
    let values = found.get(of);
    if (values === undefined) found.set(of, (values = Object.keys(of).flatMap((vni) => (of[vni] === use ? [`${host} ${vni}`] : []))));
    return values;
  };
}

export const hostKind = defineKind(Host, {
  ...shape,
  singular: 'host',
  shortNames: [],
  namespaced: false,
  context: 'network',
  partitionKey: () => 'Host',
  hasStatus: true,
  tracksGeneration: false,
  columns: hostColumns,
  schema: objectSchema(names, 'A computer that carries interfaces and forwards for them.', hostModel),
  model: hostModel,
  defaults: hostDefaults,
  rules: hostRules,
  indexes: {
    vni: ({ facts: { held = NOTHING_HELD, imported } }) => (imported === undefined ? vnisOf(held) : allVnisOf(held, imported)),
    role: indexOn(['created', 'spec.roles'], ({ object }) => specOf(object).roles ?? []),
    hold: ({ key, facts: { held = NOTHING_HELD } }) => holdsOf(held, key.name),
    import: ({ key, facts: { imported = NOTHING_IMPORTED } }) => importsOf(imported, key.name),
    behind: (host) => (mayForward(host) && !isConverged(host) ? BEHIND : NOT_BEHIND),
  },
  events: hostEvents,
  payloads: hostPayloads,
  onCreate: (object) => {
    const { name, uid } = object.metadata;
    return accepted<HostFact>([], {
      claims: [claimHost(name, uid, underlayOf(object))],
      whenGranted: (grants) => [indexAssigned(grantedIndex(grants))],
    });
  },
  onChange: (before, after) => {
    const facts = specFacts(specOf(before.object), specOf(after));
    const underlay = underlayOf(after);
    // One that has none because another host has taken it may stay so.
    if (underlay === underlayOf(before.object) || underlay === '') return accepted(facts);
    const { name, uid } = before.object.metadata;
    return accepted([...facts, underlayChanged(underlay)], { claims: [claimHost(name, uid, underlay)] });
  },
  onDelete: (before, _context, { force }) => {
    if (force || !isHeard(before)) return undefined;
    return conflict(
      shape,
      before.key.name,
      'its agent is alive and would go on forwarding; stop it first, or delete with --force --grace-period=0',
    );
  },
  onEnd: (before) => ({ releases: [releaseHost(before.object.metadata.uid)] }),
  actions: {
    RegisterHost: register,
    HostLost: (before) => {
      if (before.status !== 'live' || !isHeard(before)) return accepted([]);
      return accepted([lost(), ...healthFacts(before, SILENCE)]);
    },
    HostReturned: (before) => accepted(heardFacts(before, {})),
    Heard: (before, beat) => accepted(heardFacts(before, beat)),
    LoseUnderlay: (before, { uid, ip }) => {
      if (!isIncarnation(before, uid) || underlayOf(before.object) !== ip) return accepted([]);
      const { underlay: _, ...spec } = specOf(before.object);
      // Of a silent host it is known already that it is not Ready.
      const health = isHeard(before) ? healthFacts(before, healthOf({ ...before.object, spec })) : [];
      return accepted([underlayLost(ip), ...health]);
    },
    HoldNetwork: (before, { vni, network }) => {
      if (before.status !== 'live' || before.facts.held?.[vni] === '') return accepted([]);
      return accepted([networkHeld(vni, network)]);
    },
    IdleNetwork: (before, { vni }, { facts }) => accepted(idleFacts(before, vni, facts)),
    ImportNetwork: (before, { vni, network }) => {
      if (before.status !== 'live' || before.facts.imported?.[vni] === 'used') return accepted([]);
      return accepted([{ type: 'NetworkImported.v1', data: { vni, network } }]);
    },
    IdleImport: (before, { vni }, { facts }) => accepted(idleImportFacts(before, vni, facts)),
    FallBehind: (before, { since }) => {
      // The agent of a Ready host reports its lag itself.
      if (before.status !== 'live' || isReady(before) || statusOf(before.object).pendingSince !== undefined) return accepted([]);
      const isSaid = conditionOf(before.object, 'Converged')?.status === 'False';
      return accepted([fellBehind(wholeSeconds(since)), ...(isSaid ? [] : conditionFacts(before.object, LAGS))]);
    },
    ReportProgrammed: (before, { nics }, { facts }) => {
      if (before.status !== 'live') return accepted([]);
      const unknown = nics.slice(0, REPORTED_MAX).filter(({ uid, position }) => isAwaited(before.key.name, uid, position, facts));
      return accepted(unknown.length === 0 ? [] : [nicsProgrammed(unknown)]);
    },
    ReportApplied: report,
    Reached: (before, { position }, { facts }) => {
      if (before.status !== 'live') return accepted([]);
      return accepted([
        ...lagEnded(before, position),
        ...leftBehind(before, {}, position, facts),
        ...importsLeftBehind(before, {}, position),
      ]);
    },
  },
  evolve: hostEvolve,
  facets: hostFacets,
  initialFacts: {},
});

/** What a heartbeat says that the Host does not say yet. */
function heardFacts(before: HostState, { agent, trouble, mtu }: Payload<'Heard'>): readonly HostFact[] {
  const holder = before.facts.agent;
  if (before.status !== 'live' || holder === undefined || (agent !== undefined && agent !== holder)) return [];
  const facts: HostFact[] = mtu === undefined || mtu === statusOf(before.object).mtu ? [] : [mtuChanged(mtu)];
  const conditions = healthFacts(before, healthOf(before.object, trouble));
  if (conditions.length === 0) return facts;
  if (!isHeard(before)) facts.push(returned());
  if (trouble !== undefined) facts.push(troubled(trouble));
  else if (isHeard(before) && !isReady(before)) facts.push(recovered());
  return [...facts, ...conditions];
}

/** Nothing when the Host says it already. Of a Ready host the agent's reports say whether it has converged. */
function healthFacts(before: HostState, health: Health): readonly HostFact[] {
  const readiness = conditionFacts(before.object, health.ready);
  return readiness.length === 0 ? [] : [...readiness, ...conditionFacts(before.object, health.converged)];
}

/** The same agent may register again, which appends nothing when nothing has changed. Another agent is refused while the present one is heard. */
function register(before: HostState, payload: Payload<'RegisterHost'>, context: DecideContext): HostDecision {
  const { name } = before.key;
  const underlay = canonicalIp(String(payload.underlay ?? ''));
  const problems = nameProblems(shape, name).map((problem) => invalid('metadata.name', name, problem));
  if (underlay === undefined || underlay.includes('%')) {
    problems.push(invalid('spec.underlay.ip', payload.underlay ?? '', 'must be an IP address without a zone'));
  }
  if (problems.length > 0 || underlay === undefined) return rejected(invalidStatus(shape, name, problems));
  if (before.status !== 'live') return registerFirst(before, underlay, payload, context);
  return registerAgain(before, underlay, payload);
}

function registerFirst(before: HostState, underlay: string, payload: Payload<'RegisterHost'>, context: DecideContext): HostDecision {
  const { name } = before.key;
  const { roles = ['Compute'], avoid = [] } = payload;
  const uid = uidOfNew(before.key, context.derive);
  const metadata = { name, uid, creationTimestamp: wholeSeconds(context.now) };
  const spec = { underlay: { ip: underlay }, roles: [...roles], unschedulable: false };
  return accepted<HostFact>([created(Host, { metadata, spec })], {
    claims: [claimHost(name, uid, underlay, avoid.slice(0, AVOIDED_MAX))],
    whenGranted: (grants) => [indexAssigned(grantedIndex(grants)), registered(agentOf(payload)), ...firstHealth(payload.trouble)],
  });
}

function firstHealth(trouble: Trouble | undefined): readonly HostFact[] {
  if (trouble === undefined) return [conditionChanged(HEARD)];
  const health = badHealth(trouble);
  return [troubled(trouble), conditionChanged(health.ready), conditionChanged(health.converged)];
}

function registerAgain(before: HostState, underlay: string, payload: Payload<'RegisterHost'>): HostDecision {
  const { name, uid } = before.object.metadata;
  const agent = agentOf(payload);
  const holder = before.facts.agent;
  const isReturn = holder === agent.agent;
  if (holder !== undefined && !isReturn && isHeard(before)) {
    return rejected(
      conflict(
        shape,
        name,
        `another agent (${holder}) holds this name and is alive; give this one another name (WEFT_HOST), or stop the other`,
      ),
    );
  }
  const facts: HostFact[] = [];
  const moved = underlay !== underlayOf(before.object);
  if (moved) facts.push(underlayChanged(underlay));
  const { agent: present, mtu } = statusOf(before.object);
  const { roles } = before.facts;
  const known = { ...(agent.mtu !== undefined && { mtu: agent.mtu }), ...(agent.roles && roles && { roles }) };
  if (!sameJson({ ...present, agent: holder ?? '', ...known }, agent)) facts.push(registered(agent));
  // A facet of its own, so that rows do not change whenever an agent starts.
  if (agent.mtu !== undefined && agent.mtu !== mtu) facts.push(mtuChanged(agent.mtu));
  if (agent.roles !== undefined && followsItsAgent(before) && !sameJson(agent.roles, specOf(before.object).roles))
    facts.push(rolesChanged([...agent.roles]));
  if (!isReady(before)) {
    const trouble = payload.trouble ?? (payload.starting ? STARTING : undefined);
    if (isReturn && !isHeard(before)) facts.push(returned());
    else if (isHeard(before) && trouble === undefined) facts.push(recovered());
    const spec = { ...specOf(before.object), underlay: { ip: underlay } };
    facts.push(...healthFacts(before, healthOf({ ...before.object, spec }, trouble)));
  }
  return accepted(facts, moved ? { claims: [claimHost(name, uid, underlay)] } : {});
}

function agentOf({ agent, version, driver, startedAt, mtu, roles }: Payload<'RegisterHost'>): AgentFacts {
  return { agent, version, driver, startedAt, ...(mtu !== undefined && { mtu }), ...(roles !== undefined && { roles }) };
}

/** Whether its roles are those that its agent gave it, so that they change with what the agent says. Other ones are somebody's wish (ADR 69). */
function followsItsAgent({ object, facts, facets }: HostState): boolean {
  const { roles = [] } = specOf(object);
  return facts.roles === undefined ? facets['spec.roles'] === undefined && sameJson(roles, ['Compute']) : sameJson(roles, facts.roles);
}

/**
 * When the view shows no interface of the network on this host, none is there since `facts.position` at the latest. A view that does not include the
 * hold itself proves nothing: the interface for which the hold was made may be missing from it too.
 */
function idleFacts(before: HostState, vni: number, facts: Facts): readonly HostFact[] {
  const { name } = before.key;
  if (before.status !== 'live' || before.facts.held?.[vni] !== '') return [];
  const heldAt = before.facets[`held.${vni}`]?.position ?? 0n;
  if (facts.position < heldAt || isUsed(name, `${vni}`, facts)) return [];
  const at = facts.position.toString();
  // The host may have reported this position before.
  const isApplied = hasApplied(before, placementsOf(name), at);
  return isApplied ? [networkIdle(vni, at), networkReleased(vni)] : [networkIdle(vni, at)];
}

function report(before: HostState, payload: Payload<'ReportApplied'>, { facts }: DecideContext): HostDecision {
  if (before.status !== 'live') return accepted([]);
  const { tables = {}, faults = [], stages } = payload;
  // An agent that starts again says 0 before it knows all rows: its kernel is as it was.
  const known = before.facts.applied?.[EVERYTHING] ?? '0';
  const position = BigInt(payload.position ?? '0') > BigInt(known) ? (payload.position as string) : known;
  const pendingSince = payload.pendingSince === undefined ? undefined : wholeSeconds(payload.pendingSince);
  const revs = before.facts.applied ?? {};
  const moved = Object.fromEntries(Object.entries(tables).filter(([table, rev]) => revs[table] !== rev));
  // A host that is not Ready is not converged, for the same reason.
  const converged = isReady(before) ? conditionFacts(before.object, pendingSince === undefined ? APPLIED : LAGS) : [];
  const conditions = [...converged, ...conditionFacts(before.object, refusals(faults))];
  const first = conditionOf(before.object, 'Converged') === undefined;
  const waits = statusOf(before.object).pendingSince !== pendingSince;
  const left = [...leftBehind(before, moved, position, facts), ...importsLeftBehind(before, moved, position)];
  // A report that comes twice says the same.
  const drift = payload.drift === undefined || payload.drift.at === before.facts.drift?.at ? [] : [drifted(payload.drift)];
  if (Object.keys(moved).length === 0 && !waits && !first && conditions.length === 0 && left.length === 0) return accepted(drift);
  const optional = { ...(pendingSince !== undefined && { pendingSince }), ...(stages !== undefined && { stages }) };
  return accepted([applied({ tables: moved, position, ...optional }), ...left, ...conditions, ...drift]);
}

/**
 * A lag that the agent has nothing to report about: it was counted while the agent was silent, from a change in a network that the host still held by the
 * log, and of which its agent followed nothing any more.
 */
function lagEnded(before: HostState, position: string): readonly HostFact[] {
  if (!endsLag(before, BigInt(position))) return [];
  return [applied({ tables: {}, position }), ...conditionFacts(before.object, APPLIED)];
}

/**
 * Releases networks that no interface here uses since a position that the host has reached. An interface may have come and left while a network was
 * idle, so the host must have applied the newest change of its placements too; only a view that is not behind the host's report can show that.
 */
function leftBehind(before: HostState, tables: Readonly<Record<string, string>>, position: string, facts: Facts): readonly HostFact[] {
  const { name } = before.key;
  const idle = Object.entries(before.facts.held ?? {}).filter(([, at]) => at !== '');
  if (idle.length === 0 || isBeyond(facts, tables, position, name)) return [];
  const newest = facts.record(placementChanges, changesOnHost(name))?.position ?? 0n;
  return idle
    .filter(([, at]) => {
      const since = BigInt(at) > newest ? at : `${newest}`;
      return placementsReach(before, tables, position, since);
    })
    .filter(([vni]) => !isUsed(name, vni, facts))
    .map(([vni]) => networkReleased(Number(vni)));
}

/** Whether the host has applied placements that the view does not show yet. */
function isBeyond(facts: Facts, tables: Readonly<Record<string, string>>, position: string, host: string): boolean {
  return facts.position < BigInt(position) || facts.position < BigInt(tables[placementsOf(host)] ?? '0');
}

const placementsOf = (host: string): string => `placements.${host}`;

function placementsReach(before: HostState, tables: Readonly<Record<string, string>>, position: string, at: string): boolean {
  const table = placementsOf(before.key.name);
  const rev = tables[table];
  return hasApplied(before, table, at) || (rev !== undefined && BigInt(rev) >= BigInt(at)) || BigInt(position) >= BigInt(at);
}

function refusals(faults: DriverFaults): ConditionFact {
  if (faults.length === 0) return { type: 'KernelRefused', status: 'False', reason: 'NoFaults', message: '' };
  const named = faults.slice(0, FAULTS_NAMED_MAX).map(({ key, what, detail }) => `${key}: ${what}: ${detail}`);
  const more = faults.length > FAULTS_NAMED_MAX ? `; and ${faults.length - FAULTS_NAMED_MAX} more` : '';
  return { type: 'KernelRefused', status: 'True', reason: 'DriverFault', message: (named.join('; ') + more).slice(0, 1_024) };
}

/**
 * Whether an interface may wait for the report that its port is up. When the view lags behind the report, the answer is yes: it may show an older state
 * of the interface, or not have it yet. Otherwise an interface that the view does not show has ended.
 */
function isAwaited(host: string, uid: string, position: string, facts: Facts): boolean {
  if (facts.position < BigInt(position)) return true;
  for (const nic of facts.by(NetworkInterface, 'uid', uid)) {
    const { placement, programmed } = nic.facts;
    const since = nic.facets['placement']?.position;
    return !(placement?.host === host && programmed === true && since !== undefined && BigInt(position) >= since);
  }
  return false;
}

/** Whether the view shows an interface of the network with this VNI on the host. */
export function isUsed(host: string, vni: string, facts: Facts): boolean {
  for (const network of facts.keys(Network, 'vni', vni)) {
    if (facts.any(NetworkInterface, 'hostNetwork', `${host} ${nameText(network)}`)) return true;
  }
  return false;
}

function underlayOf(object: ApiObject<HostTypes>): string {
  return specOf(object).underlay?.ip ?? '';
}
