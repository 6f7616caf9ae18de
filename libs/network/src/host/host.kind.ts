/**
 * Host: registers itself through its agent, holds networks, tells what its kernel reflects (resources 2.11, DESIGN 9.9).
 *
 *   a network on a host:   -- HoldNetwork --> held -- IdleNetwork --> idle -- ReportApplied or Reached past it --> released
 *                                              ^____ HoldNetwork ______|
 *
 * A network is released only by the agent's own word that the kernel reflects the removal of its last interface.
 */
import {
  accepted,
  type ConditionFact,
  canonicalIp,
  conditionChanged,
  conditionFacts,
  conditionOf,
  conflict,
  createdType,
  type DecideContext,
  type Decision,
  type Fact,
  type Folded,
  invalid,
  invalidStatus,
  type JsonObject,
  type KindModule,
  nameProblems,
  objectSchema,
  plainFieldFacts,
  ready,
  rejected,
  sameJson,
  specOf,
  uidOfNew,
  wholeSeconds,
} from '@weft/api';
import { claimHost, type HostGrant, releaseHost } from '../host-index/host-index.ts';
import { hasApplied, isReady } from '../quarantine.ts';
import { hostColumns } from './host.columns.ts';
import { hostDefaults } from './host.defaults.ts';
import {
  type AgentFacts,
  applied,
  cordoned,
  type DriverFaults,
  factsOfHost,
  fellBehind,
  HOST_PLAIN,
  hostEvolve,
  hostFacet,
  indexAssigned,
  lost,
  networkHeld,
  networkIdle,
  networkReleased,
  nicsProgrammed,
  registered,
  returned,
  uncordoned,
  underlayChanged,
} from './host.facts.ts';
import { type HostSpec, hostModel } from './host.model.ts';
import { hostRules } from './host.rules.ts';

const names = { group: 'fabric.weft.dev', version: 'v1alpha1', kind: 'Host' } as const;
const shape = { ...names, plural: 'hosts', nameRule: 'subdomain' } as const;

/** Ports in one report. */
const REPORTED_MAX = 500;
/** Faults whose text goes into the condition. */
const FAULTS_NAMED_MAX = 3;

const HEARD = ready('True', 'AgentReady', 'its agent is heard');
const MISSED = ready('False', 'HeartbeatsMissing', 'its agent has not been heard for ten seconds');

export const hostKind: KindModule = {
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
    vni: ({ facts }) => Object.keys(factsOfHost({ facts }).held ?? {}),
    silent: (host) => (isReady(host) ? [] : ['yes']),
  },
  onCreate: (object) => {
    const { name, uid } = object.metadata;
    return accepted([], {
      claims: [claimHost(name, uid, underlayOf(object))],
      whenGranted: ([grant]) => [indexAssigned((grant as HostGrant).index)],
    });
  },
  onChange: (before, after) => {
    const facts = plainFieldFacts(HOST_PLAIN, before.object, after);
    const was = specOf<HostSpec>(before.object).unschedulable === true;
    const is = specOf<HostSpec>(after).unschedulable === true;
    if (was !== is) facts.push(is ? cordoned() : uncordoned());
    const underlay = underlayOf(after);
    if (underlay === underlayOf(before.object)) return accepted(facts);
    const { name, uid } = before.object.metadata;
    return accepted([...facts, underlayChanged(underlay)], { claims: [claimHost(name, uid, underlay)] });
  },
  onDelete: (before, _context, { force }) => {
    if (force || !isReady(before)) return undefined;
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
      if (before.status !== 'live' || !isReady(before)) return accepted([]);
      return accepted([lost(), ...conditionFacts(before.object, MISSED)]);
    },
    HostReturned: (before) => {
      if (before.status !== 'live' || isReady(before) || factsOfHost(before).agent === undefined) return accepted([]);
      return accepted([returned(), ...conditionFacts(before.object, HEARD)]);
    },
    /** {vni, network}: before any row of the network goes to this host. */
    HoldNetwork: (before, { vni, network }) => {
      if (before.status !== 'live' || factsOfHost(before).held?.[String(vni)] === '') return accepted([]);
      return accepted([networkHeld(vni as number, network as string)]);
    },
    /** {vni, at}: the last interface of the network left at `at`. */
    IdleNetwork: (before, { vni, at }, context) => {
      const since = factsOfHost(before).held?.[String(vni)];
      if (before.status !== 'live' || since === undefined || (since !== '' && BigInt(at as string) <= BigInt(since))) return accepted([]);
      // A view that does not reach `at` may still show the interface that left. Should another one be there, the hold is renewed (hold-networks).
      const { position } = context.facts;
      const knows = position === undefined || position >= BigInt(at as string);
      if (knows && isUsed(before.key.name, String(vni), context)) return accepted([]);
      const facts = [networkIdle(vni as number, at as string)];
      // Its report may have come first.
      if (hasApplied(before, `placements.${before.key.name}`, at as string)) facts.push(networkReleased(vni as number));
      return accepted(facts);
    },
    /** {since}: it has rows to apply and its agent is silent about it. */
    FallBehind: (before, { since }) => {
      if (before.status !== 'live' || before.object.status?.['pendingSince'] !== undefined) return accepted([]);
      return accepted([fellBehind(wholeSeconds(since as string)), ...conditionFacts(before.object, LAGS)]);
    },
    ReportProgrammed: (before, payload, context) => {
      if (before.status !== 'live') return accepted([]);
      const reported = payload['nics'] as unknown as readonly { uid: string; position: string }[];
      const news = reported.slice(0, REPORTED_MAX).filter(({ uid, position }) => isNews(before.key.name, uid, position, context));
      return accepted(news.length === 0 ? [] : [nicsProgrammed(news)]);
    },
    ReportApplied: report,
    /** {position}: its kernel reflects everything up to there, as its heartbeat says. What it told itself, of faults or of lag, stays. */
    Reached: (before, { position }, context) =>
      accepted(before.status === 'live' ? leftBehind(before, {}, position as string, context) : []),
  },
  evolve: hostEvolve,
  initialFacts: {},
  facetOf: hostFacet,
};

/** More indexes than one machine will ever show. */
const AVOIDED_MAX = 4_096;

type Registration = AgentFacts & Readonly<{ underlay: string; roles?: readonly string[]; avoid?: unknown }>;

/**
 * {underlay, driver, version, startedAt, agent, roles?, avoid?}. The same agent may come again: nothing is appended when nothing is new. Another one is
 * refused while the holder is heard.
 */
function register(before: Folded, payload: JsonObject, context: DecideContext): Decision {
  const { name } = before.key;
  const { agent, version, driver, startedAt, roles, avoid } = payload as unknown as Registration;
  const underlay = canonicalIp(String(payload['underlay'] ?? ''));
  const problems = nameProblems(shape, name).map((problem) => invalid('metadata.name', name, problem));
  if (underlay === undefined || underlay.includes('%')) {
    problems.push(invalid('spec.underlay.ip', payload['underlay'] ?? '', 'must be an IP address without a zone'));
  }
  if (problems.length > 0 || underlay === undefined) return rejected(invalidStatus(shape, name, problems));
  const told: AgentFacts = { agent, version, driver, startedAt };
  if (before.status !== 'live') {
    const uid = uidOfNew(before.key, context.derive);
    const metadata = { name, uid, creationTimestamp: wholeSeconds(context.now) };
    const spec = { underlay: { ip: underlay }, roles: [...(roles ?? ['Compute'])], unschedulable: false };
    const foreign = (Array.isArray(avoid) ? avoid : []).slice(0, AVOIDED_MAX).filter((index) => typeof index === 'number');
    return accepted([{ type: createdType('Host'), data: { metadata, spec } }], {
      claims: [claimHost(name, uid, underlay, foreign)],
      whenGranted: ([grant]) => [indexAssigned((grant as HostGrant).index), registered(told), conditionChanged(HEARD)],
    });
  }
  const holder = factsOfHost(before).agent;
  if (holder !== undefined && holder !== agent && isReady(before)) {
    return rejected(
      conflict(
        shape,
        name,
        `another agent (${holder}) holds this name and is alive; give this one another name (WEFT_HOST), or stop the other`,
      ),
    );
  }
  const facts: Fact[] = [];
  const moved = underlay !== underlayOf(before.object);
  if (moved) facts.push(underlayChanged(underlay));
  const known: JsonObject = { ...(before.object.status?.['agent'] as JsonObject | undefined), agent: holder ?? '' };
  if (!sameJson(known, { version, startedAt, driver, agent })) facts.push(registered(told));
  facts.push(...(isReady(before) ? [] : [...(holder === agent ? [returned()] : []), ...conditionFacts(before.object, HEARD)]));
  return accepted(facts, moved ? { claims: [claimHost(name, before.object.metadata.uid, underlay)] } : {});
}

const CONVERGED: ConditionFact = {
  type: 'Converged',
  status: 'True',
  reason: 'Applied',
  message: 'the kernel reflects all rows that concern it',
};
const LAGS: ConditionFact = { type: 'Converged', status: 'False', reason: 'Pending', message: 'rows are waiting to be applied' };

/** {tables: {table: rev}, position, pendingSince?, faults?}: at most one a second. */
function report(before: Folded, payload: JsonObject, context: DecideContext): Decision {
  if (before.status !== 'live') return accepted([]);
  const tables = (payload['tables'] ?? {}) as Record<string, string>;
  const position = String(payload['position'] ?? '0');
  const pendingSince = typeof payload['pendingSince'] === 'string' ? wholeSeconds(payload['pendingSince']) : undefined;
  const faults = (payload['faults'] ?? []) as unknown as DriverFaults;
  const revs = factsOfHost(before).applied ?? {};
  const moved = Object.fromEntries(Object.entries(tables).filter(([table, rev]) => revs[table] !== rev));
  const conditions = [
    ...conditionFacts(before.object, pendingSince === undefined ? CONVERGED : LAGS),
    ...conditionFacts(before.object, refusals(faults)),
  ];
  const first = conditionOf(before.object, 'Converged') === undefined;
  const waits = before.object.status?.['pendingSince'] !== pendingSince;
  const left = leftBehind(before, moved, position, context);
  if (Object.keys(moved).length === 0 && !waits && !first && conditions.length === 0 && left.length === 0) return accepted([]);
  return accepted([applied({ tables: moved, position, ...(pendingSince !== undefined && { pendingSince }) }), ...left, ...conditions]);
}

/** Networks that nothing here uses any more, at a position that the host has come to. */
function leftBehind(before: Folded, tables: Readonly<Record<string, string>>, position: string, context: DecideContext): Fact[] {
  return Object.entries(factsOfHost(before).held ?? {})
    .filter(([vni, at]) => at !== '' && placementsReach(before, tables, position, at) && !isUsed(before.key.name, vni, context))
    .map(([vni]) => networkReleased(Number(vni)));
}

function placementsReach(before: Folded, tables: Readonly<Record<string, string>>, position: string, at: string): boolean {
  const table = `placements.${before.key.name}`;
  const rev = tables[table];
  return hasApplied(before, table, at) || (rev !== undefined && BigInt(rev) >= BigInt(at)) || BigInt(position) >= BigInt(at);
}

function refusals(faults: DriverFaults): ConditionFact {
  if (faults.length === 0) return { type: 'KernelRefused', status: 'False', reason: 'NoFaults', message: '' };
  const named = faults.slice(0, FAULTS_NAMED_MAX).map(({ key, what, detail }) => `${key}: ${what}: ${detail}`);
  const more = faults.length > FAULTS_NAMED_MAX ? `; and ${faults.length - FAULTS_NAMED_MAX} more` : '';
  return { type: 'KernelRefused', status: 'True', reason: 'DriverFault', message: (named.join('; ') + more).slice(0, 1_024) };
}

/** What the view does not know yet is passed on: it may lag behind the agent, and have the interface as it was programmed before. */
function isNews(host: string, uid: string, position: string, { facts }: DecideContext): boolean {
  if (facts.position !== undefined && facts.position < BigInt(position)) return true;
  for (const nic of facts.by('NetworkInterface', 'uid', uid)) {
    const placement = nic.facts['placement'] as JsonObject | undefined;
    const since = nic.facets['placement']?.position;
    if (placement?.['host'] === host && nic.facts['programmed'] === true && since !== undefined && BigInt(position) >= since) return false;
  }
  return true;
}

/** An interface of the network with this VNI is placed on the host, as far as the view tells. */
export function isUsed(host: string, vni: string, { facts }: Pick<DecideContext, 'facts'>): boolean {
  for (const { key } of facts.by('Network', 'vni', vni)) {
    for (const _ of facts.by('NetworkInterface', 'hostNetwork', `${host} ${key.namespace}/${key.name}`)) return true;
  }
  return false;
}

function underlayOf(object: Folded['object']): string {
  return specOf<HostSpec>(object).underlay?.ip ?? '';
}
