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
  conditionFacts,
  defineKind,
  type Folded,
  isIncarnation,
  nameText,
  objectSchema,
  ready,
  specOf,
} from '@weft/api';
import { type ClaimAddresses, grantedAddresses, type ReleaseAddresses, releaseOfUnused } from '../address-book/address-book.ts';
import { addressBookOf } from '../keys.ts';
import { networkInterfaceColumns } from './network-interface.columns.ts';
import { networkInterfaceDefaults } from './network-interface.defaults.ts';
import {
  addressed,
  addressWarnings,
  type Literals,
  literalsOf,
  type NicFact,
  type NicObject,
  nicEvolve,
  nicFacets,
  notProgrammed,
  pending,
  programmed,
  specFacts,
  unplaced,
  unsupportedFacts,
} from './network-interface.facts.ts';
import { networkInterfaceModel } from './network-interface.model.ts';
import { networkInterfaceRules } from './network-interface.rules.ts';
import { NetworkInterface, type NicTypes, nicEvents, nicPayloads } from './network-interface.types.ts';
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
  tracksGeneration: false,
  columns: networkInterfaceColumns,
  schema: objectSchema(names, 'Where a machine is attached to a Network.', networkInterfaceModel),
  model: networkInterfaceModel,
  defaults: networkInterfaceDefaults,
  rules: networkInterfaceRules,
  indexes: {
    uid: ({ object }) => [object.metadata.uid],
    network: networksOf,
    machine: ({ object }) => {
      const uid = specOf(object).machineRef?.uid;
      return uid === undefined ? [] : [uid];
    },
    host: ({ facts: { placement } }) => (placement === undefined ? [] : [placement.host]),
    /** Interfaces of one network on one host: `<host> <namespace>/<network>`. */
    hostNetwork: (nic) => {
      const { placement } = nic.facts;
      return placement === undefined ? [] : networksOf(nic).map((network) => `${placement.host} ${network}`);
    },
    /** The VirtualIP that it names, or has made for it under its own name. */
    virtualIP: ({ key: { namespace = '', name }, object }) => {
      const { virtualIPRef, ephemeral } = specOf(object).virtualIP ?? {};
      const virtualIp = ephemeral === undefined ? virtualIPRef?.name : name;
      return virtualIp === undefined ? [] : [nameText({ namespace, name: virtualIp })];
    },
    /** Interfaces whose addresses rest, by network. */
    resting: (nic) => (nic.facts.resting === undefined ? [] : networksOf(nic)),
  },
  events: nicEvents,
  payloads: nicPayloads,
  onCreate: (object, { requestId }) => {
    const literals = literalsOf(object);
    return accepted<NicFact>(unsupportedFacts(object, specOf(object)), {
      claims: claimOf(object, literals, { request: requestId, revision: '-1' }),
      whenGranted: (grants) => [addressed({ ips: [...literals.ips], ...grantedAddresses(grants) })],
      warnings: addressWarnings(literals),
    });
  },
  onChange: (before, after, { requestId }) => {
    const facts: NicFact[] = [...specFacts(before.object, after), ...unsupportedFacts(before.object, specOf(after))];
    const old = literalsOf(before.object).ips;
    const literals = literalsOf(after);
    const { ips, fields } = literals;
    if (old.length === ips.length && old.every((ip, i) => ip === ips[i])) return accepted(facts);
    const isNew = ips.map((ip) => !old.includes(ip));
    const gone = old.filter((ip) => !ips.includes(ip));
    const warnings = addressWarnings(literals);
    const { placement, programmed: wasProgrammed, resting: rested } = before.facts;
    if (placement !== undefined && wasProgrammed === true) facts.push(...conditionFacts(before.object, notProgrammed(placement.host)));
    const revision = before.revision.toString();
    return accepted(facts, {
      warnings,
      claims: claimOf(
        after,
        { ips: ips.filter((_, i) => isNew[i]), fields: fields.filter((_, i) => isNew[i]) },
        { request: requestId, revision, ...(hasMac(before) && { hasMac: true }) },
      ),
      // New addresses are claimed first and old ones released last (resources 2.2): these are in use until the append.
      releases: gone.length === 0 ? [] : [releaseOf(before, gone, { revision })],
      whenGranted: (grants) => {
        const { index, resting } = grantedAddresses(grants);
        const waits = resting ?? rested;
        const moves = (resting !== undefined || warnings.length > 0) && placement !== undefined;
        const numbered = index !== undefined && { index };
        return [addressed({ ips: [...ips], ...numbered, ...(waits !== undefined && { resting: waits }) }), ...(moves ? [unplaced()] : [])];
      },
    });
  },
  onEnd: (before) => {
    const { ips } = literalsOf(before.object);
    const holdsNothing = ips.length === 0 && before.facts.index === undefined;
    return { releases: holdsNothing ? [] : [releaseOf(before, ips, { ended: true })] };
  },
  unusedOf: (nic, release) => {
    const used = new Set(nic.status === 'live' ? literalsOf(nic.object).ips : []);
    return releaseOfUnused(release, (ip) => used.has(ip));
  },
  actions: {
    Settle: (before, settlement) => accepted(settlementFacts(before, settlement)),
    ShowVirtualIP: (before, payload) => accepted(isIncarnation(before, payload.uid) ? shownFacts(before, payload) : []),
    Programmed: (before, { uid, host, position }) => {
      if (!isIncarnation(before, uid) || !bringsUp({ host, position }, waitingPort(before))) return accepted([]);
      const condition = ready('True', 'Programmed', `programmed on host ${host}`);
      return accepted([programmed(host, position), ...conditionFacts(before.object, condition)]);
    },
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

/** Whether it has a number, or a MAC of an older version. */
function hasMac({ facts: { index, mac } }: Nic): boolean {
  return index !== undefined || mac !== undefined;
}

type Asked = Pick<ClaimAddresses, 'request' | 'revision' | 'hasMac'>;

function claimOf(object: ApiObject<NicTypes>, { ips, fields }: Literals, asked: Asked): readonly Claim[] {
  if (ips.length === 0) return [];
  const { namespace = '', name, uid } = object.metadata;
  const network = networkOf(object);
  const claim: ClaimAddresses = { namespace, network, nic: name, uid, ips: [...ips], fields: [...fields], ...asked };
  return [{ stream: addressBookOf(namespace, network), command: { type: 'ClaimAddresses', ...claim } }];
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
