/**
 * NetworkInterface (resources 2.2, 3.4, 3.14): its addresses are reserved before it exists; a machine claims it; it is placed on the machine's host;
 * that host programs it; then it is Available.
 *
 *                  Settle {claim, host}            Programmed
 *   NotAttached ──────────────────────> placed ──────────────> Available
 *        ^          Settle {release}       │                       │
 *        └─────────────────────────────────┴───────────────────────┘
 *
 * When its addresses change, it must be programmed again.
 *
 * A loop that reads machines, host and network sends Settle (`settle.ts`); the decision here checks it against the interface's own state, so that the
 * first claim wins.
 */
import {
  type ApiObject,
  accepted,
  type Claim,
  type ConditionFact,
  conditionFacts,
  type Decision,
  defineKind,
  EPHEMERAL_ANNOTATION,
  EPHEMERAL_MANAGER,
  type Folded,
  indexOn,
  isIncarnation,
  type JsonObject,
  maskedPrefix,
  nameText,
  objectSchema,
  onlyConditionFacts,
  type PrefixLack,
  parsePrefix,
  sameJson,
  specOf,
  statusOf,
  unusableAddress,
} from '@weft/api';
import {
  type AddressGrant,
  bookName,
  type ClaimAddresses,
  grantedAddresses,
  type ReleaseAddresses,
  releaseOfUnused,
} from '../address-book/address-book.ts';
import { addressBookOf } from '../keys.ts';
import { ephemeralPrefixes, ephemeralVirtualIp } from './ephemeral-children.ts';
import {
  heldNames,
  ipsOf,
  literalsOf,
  NOBODY,
  NOTHING,
  obstacle,
  ofPrefixesIn,
  PREFIX_CONDITIONS,
  placesWhere,
  rangesIn,
  usesPrefixes,
} from './holdings.ts';
import { hostHealthFacts } from './host-health.loops.ts';
import { networkInterfaceColumns } from './network-interface.columns.ts';
import { networkInterfaceDefaults } from './network-interface.defaults.ts';
import {
  addressed,
  addressWarnings,
  isProgrammed,
  type Literals,
  type NicFact,
  type NicObject,
  nicEvolve,
  nicFacets,
  notProgrammed,
  pending,
  programmed,
  released,
  specFacts,
  unplaced,
  unsaidFacts,
} from './network-interface.facts.ts';
import { networkInterfaceModel } from './network-interface.model.ts';
import { networkInterfaceRules } from './network-interface.rules.ts';
import { NetworkInterface, type NicTypes, nicEvents, nicPayloads, type Places } from './network-interface.types.ts';
import { bringsUp, waitingPort } from './programmed-reports.ts';
import { settlementFacts } from './settlement.ts';
import { shownFacts } from './virtual-ip.loops.ts';

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'NetworkInterface' } as const;

type Nic = Folded<NicTypes>;

export const networkInterfaceKind = defineKind(NetworkInterface, {
  ...names,
  plural: 'networkinterfaces',
  singular: 'networkinterface',
  shortNames: ['nic'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: { first: { state: 'Pending' } },
  tracksGeneration: false,
  columns: networkInterfaceColumns,
  schema: objectSchema(names, 'Where a machine is attached to a Network.', networkInterfaceModel),
  model: networkInterfaceModel,
  defaults: networkInterfaceDefaults,
  rules: networkInterfaceRules,
  indexes: {
    uid: indexOn(['created'], ({ object }) => [object.metadata.uid]),
    network: indexOn(['created'], networksOf),
    machine: indexOn(['created', 'machine'], ({ object }) => {
      const uid = specOf(object).machineRef?.uid;
      return uid === undefined ? [] : [uid];
    }),
    host: indexOn(['created', 'placement'], ({ facts: { placement } }) => (placement === undefined ? [] : [placement.host])),
    /** Interfaces of one network on one host: `<host> <namespace>/<network>`. */
    hostNetwork: indexOn(['created', 'placement'], (nic) => {
      const { placement } = nic.facts;
      return placement === undefined ? [] : networksOf(nic).map((network) => `${placement.host} ${network}`);
    }),
    /** Interfaces on a host by what they show of its health: `<host> <failure>`, `<host> ` while that is Ready. */
    hostHealth: ({ facts: { placement, hostFailure = '' } }) => (placement === undefined ? [] : [`${placement.host} ${hostFailure}`]),
    /** Its addresses in effect: `<namespace>/<network> <address>`; and `<address>`, whatever the network. */
    address: indexOn(['created', 'addresses', 'status'], (nic) => {
      const networks = networksOf(nic);
      return (statusOf(nic.object).ips ?? []).flatMap((ip) => [ip, ...networks.map((network) => `${network} ${ip}`)]);
    }),
    /** Its ranges in effect, without host bits: `<namespace>/<network> <prefix>`. */
    range: indexOn(['created', 'prefixes', 'status'], (nic) =>
      (statusOf(nic.object).prefixes ?? []).flatMap((text) => {
        const range = parsePrefix(text);
        return range === undefined ? [] : networksOf(nic).map((network) => `${network} ${maskedPrefix(range)}`);
      }),
    ),
    /** The VirtualIP that it names, or has made for it under its own name. */
    virtualIP: indexOn(['created', 'spec.virtualIP'], ({ key: { namespace = '', name }, object }) => {
      const { virtualIPRef, ephemeral } = specOf(object).virtualIP ?? {};
      const virtualIp = ephemeral === undefined ? virtualIPRef?.name : name;
      return virtualIp === undefined ? [] : [nameText({ namespace, name: virtualIp })];
    }),
    fromPrefixes: indexOn(
      ['created', 'addresses', 'prefixes', 'contested', 'spec.ips', 'spec.prefixes'],
      ({ key, object, facts: { ofPrefixes, ranges, contested } }) => {
        const has = ofPrefixes !== undefined || ranges !== undefined || contested !== undefined;
        return has || usesPrefixes(specOf(object)) ? [nameText(key)] : [];
      },
    ),
    ephemeralPrefixes: ephemeralPrefixes.index,
    ephemeralVirtualIP: ephemeralVirtualIp.index,
    /** Interfaces whose addresses rest, by network. */
    resting: (nic) => (nic.facts.resting === undefined ? [] : networksOf(nic)),
  },
  events: nicEvents,
  payloads: nicPayloads,
  onCreate: (object, { requestId }) => {
    const literals = literalsOf(object);
    const asked = { request: requestId, revision: '-1' };
    return accepted<NicFact>([], {
      claims: isInline(object)
        ? claimsOf(object, NO_LITERALS, { ...asked, unlessHeld: [...literals.ips] })
        : claimsOf(object, literals, asked),
      whenGranted: (grants) => bornFacts(object, grantedAddresses(grants)),
      warnings: addressWarnings(literals),
    });
  },
  onChange: (before, after, { requestId }) => {
    const spec = specOf(after);
    const facts: NicFact[] = [...specFacts(before.object, after), ...unsaidFacts(before.object, spec)];
    const { ofPrefixes = NOTHING, ranges = NOTHING } = before.facts;
    // Ranges that are not asked for any more are given up by a loop, like those of Prefixes that have gone.
    const wanted = { ofPrefixes: ofPrefixesIn(spec, ofPrefixes), ranges };
    const { contested = NOBODY } = before.facts;
    const isSame = sameJson(ipsOf(specOf(before.object), before.facts), ipsOf(spec, { ofPrefixes: wanted.ofPrefixes, contested }));
    if (isSame && sameJson(ofPrefixes, wanted.ofPrefixes)) {
      return accepted(facts);
    }
    return readdressed(before, after, wanted, { requestId, facts });
  },
  onEnd: (before) => {
    const names = [...heldNames(specOf(before.object), before.facts)];
    const holdsNothing = names.length === 0 && before.facts.index === undefined;
    return { releases: holdsNothing ? [] : [releaseOf(before, names, { ended: true })] };
  },
  unusedOf: (nic, release, { cameAbout }) => {
    if (nic.status !== 'live') return releaseOfUnused(release, undefined);
    const ips = cameAbout ? heldNames(specOf(nic.object), nic.facts) : new Set<string>();
    return releaseOfUnused(release, { uid: nic.object.metadata.uid, ips, hasNumber: nic.facts.index !== undefined });
  },
  actions: {
    Settle: (before, settlement) => accepted(settlementFacts(before, settlement)),
    Release: (before, { uid, machine }) => {
      const { machineRef } = specOf(before.object);
      const holds = isIncarnation(before, uid) && machineRef !== undefined && (machineRef.uid ?? '') === machine;
      return accepted(holds ? [released()] : []);
    },
    TakeAddresses: (before, { uid, ofPrefixes, ranges, waits, conditions }, { requestId }) => {
      if (!isIncarnation(before, uid)) return accepted([]);
      const spec = specOf(before.object);
      const wanted = { ofPrefixes: ofPrefixesIn(spec, ofPrefixes), ranges: rangesIn(spec, ranges) };
      return readdressed(before, before.object, wanted, { requestId, facts: [], waits, conditions });
    },
    ShowVirtualIP: (before, payload) => accepted(isIncarnation(before, payload.uid) ? shownFacts(before, payload) : []),
    Programmed: (before, { uid, host, position }) => {
      if (!isIncarnation(before, uid) || !bringsUp({ host, position }, waitingPort(before))) return accepted([]);
      // One whose host is not Ready says that.
      const condition = before.facts.hostFailure === undefined ? conditionFacts(before.object, isProgrammed(host)) : [];
      return accepted([programmed(host, position), ...condition]);
    },
    ShowHostHealth: (before, { host, failure }) => accepted(hostHealthFacts(before, host, failure)),
  },
  evolve: nicEvolve,
  onCreated: pending,
  facets: nicFacets,
  initialFacts: {},
});

function networkOf(object: NicObject): string {
  return specOf(object).networkRef?.name ?? '';
}

/** The network that it names, if any, as index values. */
function networksOf({ key: { namespace = '' }, object }: Nic): string[] {
  const name = networkOf(object);
  return name === '' ? [] : [nameText({ namespace, name })];
}

/** Whether it was made from an inline template: a loop creates it, so nobody is there to be refused for an address that another interface has. */
function isInline({ metadata: { annotations, ownerReferences } }: NicObject): boolean {
  return (
    annotations?.[EPHEMERAL_ANNOTATION] === EPHEMERAL_MANAGER && ownerReferences?.some(({ controller }) => controller === true) === true
  );
}

const NO_LITERALS: Literals = { ips: [], fields: [] };

/** What a grant says of the addresses of a creation. */
function bornFacts(object: NicObject, { index, resting, taken: contested = NOBODY }: AddressGrant): readonly NicFact[] {
  const ips = ipsOf(specOf(object), { contested });
  const born = addressed({ ips, ...(index !== undefined && { index }), ...(resting !== undefined && { resting }) });
  return Object.keys(contested).length === 0 ? [born] : [born, { type: 'NetworkInterfaceContested.v1', data: { taken: contested } }];
}

/** Whether it has a number, or a MAC of an older version. */
function hasMac({ facts: { index, mac } }: Nic): boolean {
  return index !== undefined || mac !== undefined;
}

type Asked = Pick<ClaimAddresses, 'request' | 'revision' | 'hasMac' | 'ifFree' | 'unlessHeld'>;

function claimsOf(object: ApiObject<NicTypes>, { ips, fields }: Literals, asked: Asked): readonly Claim[] {
  if (ips.length + (asked.ifFree?.length ?? 0) + (asked.unlessHeld?.length ?? 0) === 0) return [];
  const { namespace = '', name, uid } = object.metadata;
  const network = networkOf(object);
  const claim: ClaimAddresses = { namespace, network, nic: name, uid, ips: [...ips], fields: [...fields], ...asked };
  return [{ stream: addressBookOf(namespace, network), command: { type: 'ClaimAddresses', ...claim } }];
}

type Wanted = Readonly<{ ofPrefixes: Places; ranges: Places }>;
type Readdressing = Readonly<{
  requestId: string;
  facts: readonly NicFact[];
  /** Names for which it still waits. Absent: those that it waited for before. */
  waits?: readonly string[];
  /** What is to be said when nothing is in the way; absent: nothing. */
  conditions?: readonly ConditionFact[];
}>;

/**
 * The interface gets the literals of `after` and what is `wanted` beside them. New addresses are claimed first and old ones released last (resources
 * 2.2): these are in use until the append. Literals that somebody else had are claimed if they are free by now.
 */
function readdressed(
  before: Nic,
  after: NicObject,
  wanted: Wanted,
  { requestId, facts, waits, conditions }: Readdressing,
): Decision<NicFact> {
  const spec = specOf(after);
  const old = heldNames(specOf(before.object), before.facts);
  const names = heldNames(spec, wanted);
  const { ips, fields } = literalsOf(after);
  const { contested = NOBODY } = before.facts;
  const waitedFor = new Set(literalsOf(before.object).ips.filter((ip) => contested[bookName(ip)] !== undefined));
  const isNew = ips.map((ip) => !old.has(ip) && !waitedFor.has(ip));
  const literals = { ips: ips.filter((_, i) => isNew[i]), fields: fields.filter((_, i) => isNew[i]) };
  const ifFree = [...names].filter((name) => !old.has(name) && !literals.ips.includes(name));
  const gone = [...old].filter((name) => !names.has(name));
  const revision = before.revision.toString();
  const asked = { request: requestId, revision, ...(hasMac(before) && { hasMac: true as const }), ...(ifFree.length > 0 && { ifFree }) };
  const claims = claimsOf(after, literals, asked);
  const whenGranted = (grants: readonly JsonObject[]) =>
    grantedFacts(before, after, wanted, grantedAddresses(grants), { waits, conditions, claimed: literals.ips });
  return accepted<NicFact>(claims.length === 0 ? [...facts, ...whenGranted([])] : facts, {
    warnings: addressWarnings({ ips, fields }),
    claims,
    releases: gone.length === 0 ? [] : [releaseOf(before, gone, { revision })],
    ...(claims.length > 0 && { whenGranted }),
  });
}

/** What follows from a grant: what somebody else has is left out, and noted. */
function grantedFacts(
  before: Nic,
  after: NicObject,
  wanted: Wanted,
  { index, resting, taken = {} }: AddressGrant,
  { waits, conditions, claimed }: Readonly<{ [F in 'waits' | 'conditions']: Readdressing[F] | undefined } & { claimed: readonly string[] }>,
): readonly NicFact[] {
  const isOurs = (_place: number, value: string) => taken[bookName(value)] === undefined;
  const ofPrefixes = placesWhere(wanted.ofPrefixes, isOurs);
  const ranges = placesWhere(wanted.ranges, isOurs);
  const { placement, programmed: wasProgrammed, resting: rested, hostFailure, contested = NOBODY } = before.facts;
  const isAwaited = (name: string) => (waits === undefined || waits.includes(name)) && !claimed.includes(name);
  const stillTaken = { ...Object.fromEntries(Object.entries(contested).filter(([name]) => isAwaited(name))), ...taken };
  const ips = ipsOf(specOf(after), { ofPrefixes, contested: stillTaken });
  const facts: NicFact[] = [];
  const isSame = sameJson(ipsOf(specOf(before.object), before.facts), ips);
  if (!isSame || !sameJson(before.facts.ofPrefixes ?? NOTHING, ofPrefixes)) {
    const saysProgrammed = wasProgrammed === true && hostFailure === undefined;
    if (placement !== undefined && saysProgrammed) facts.push(...conditionFacts(before.object, notProgrammed(placement.host)));
    const rests = resting ?? rested;
    const fromPrefixes = Object.keys(ofPrefixes).length > 0 && { ofPrefixes };
    const numbered = index !== undefined && { index };
    facts.push(addressed({ ips, ...numbered, ...(rests !== undefined && { resting: rests }), ...fromPrefixes }));
    if ((resting !== undefined || unusableAddress(ips) !== undefined) && placement !== undefined) facts.push(unplaced());
  }
  if (!sameJson(before.facts.ranges ?? NOTHING, ranges)) facts.push({ type: 'NetworkInterfaceRangesTaken.v1', data: { ranges } });
  if (!sameJson(contested, stillTaken)) facts.push({ type: 'NetworkInterfaceContested.v1', data: { taken: stillTaken } });
  if (conditions === undefined) return facts;
  const lacks: Readonly<Record<string, PrefixLack | undefined>> = {
    AddressesAllocated: lackOf([...Object.values(wanted.ofPrefixes), ...literalsOf(after).ips], taken),
    PrefixesAllocated: lackOf(Object.values(wanted.ranges), taken),
  };
  const said = conditions.map((condition): ConditionFact => {
    const lack = lacks[condition.type];
    return lack === undefined ? condition : { ...condition, status: 'False', ...lack };
  });
  return [...facts, ...onlyConditionFacts(before.object, PREFIX_CONDITIONS, said)];
}

function lackOf(values: readonly string[], taken: NonNullable<AddressGrant['taken']>): PrefixLack | undefined {
  const missing = values.find((value) => taken[bookName(value)] !== undefined);
  return missing === undefined ? undefined : obstacle(missing, taken[bookName(missing)] ?? {});
}

/**
 * What an interface gives back: at its end everything that it holds, else those of `ips` that it claimed before a revision. Hosts may still forward for
 * an interface that is or was placed.
 */
function releaseOf(before: Nic, ips: readonly string[], which: Pick<ReleaseAddresses, 'revision' | 'ended'>): Claim {
  const { namespace = '', uid } = before.object.metadata;
  const release: ReleaseAddresses = { uid, ips: [...ips], ...rowsOf(before), ...which };
  return { stream: addressBookOf(namespace, networkOf(before.object)), command: { type: 'ReleaseAddresses', ...release } };
}

/** Whether it is in rows, or the decimal position until which it was; neither when it was never placed. */
function rowsOf(nic: Nic): Pick<ReleaseAddresses, 'inRows' | 'leftRows'> {
  const since = nic.facets['placement']?.position;
  const inRows = nic.facts.placement !== undefined;
  return inRows || since === undefined ? { inRows } : { inRows, leftRows: since.toString() };
}
