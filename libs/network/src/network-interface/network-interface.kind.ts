/**
 * NetworkInterface (resources 2.2, 3.4, 3.14): its addresses are reserved before it exists; a machine claims it; it is placed on the machine's host;
 * that host programs it; then it is Available.
 *
 *                  Settle {claim, host}            Programmed
 *   NotAttached ──────────────────────> placed ──────────────> Available
 *        ^          Settle {release}       │                       │
 *        └─────────────────────────────────┴───────────────────────┘
 *
 * With other addresses it is to be programmed anew.
 *
 * What is settled comes from a reaction that looks at machine, host and network (`settle.ts`); the decision here checks it against the
 * interface's own state, so that whoever claims first wins.
 */
import {
  type ApiObject,
  accepted,
  type Claim,
  type ConditionFact,
  conditionFacts,
  type DecideContext,
  type Fact,
  type Folded,
  type JsonObject,
  type KindModule,
  objectSchema,
  ready,
  specOf,
} from '@weft/api';
import type { AddressGrant } from '../address-book/address-book.ts';
import { addressBookOf } from '../keys.ts';
import { isIncarnation } from '../network/network.kind.ts';
import { networkInterfaceColumns } from './network-interface.columns.ts';
import { networkInterfaceDefaults } from './network-interface.defaults.ts';
import {
  addressed,
  addressesRested,
  addressWarnings,
  claimed,
  factsOfNic,
  literalsOf,
  nicEvolve,
  nicFacet,
  notProgrammed,
  placed,
  programmed,
  providerIdCleared,
  released,
  specFacts,
  unplaced,
  unsupportedFacts,
} from './network-interface.facts.ts';
import { type NetworkInterfaceSpec, networkInterfaceModel } from './network-interface.model.ts';
import { networkInterfaceRules } from './network-interface.rules.ts';

const names = { group: 'networking.ironcore.dev', version: 'v1alpha1', kind: 'NetworkInterface' } as const;

/** What a reaction wants settled, for the incarnation `uid`. `host` absent: no port anywhere, for the reason in `ready`. */
export type Settlement = Readonly<{
  uid: string;
  /** Give the interface up when the machine with this uid holds it. */
  release?: string;
  /** That machine lives: its handle of the interface goes too (resources 3.14; that of a machine which is gone stays, 3.4). */
  drops?: true;
  /** Take it for this machine when it is free. */
  claim?: Readonly<{ name: string; uid: string }>;
  /** The machine for which `host` holds: nothing is placed for another one. */
  machine?: string;
  host?: string;
  /** The addresses have rested. */
  rested?: boolean;
  ready: ConditionFact;
}>;

export const networkInterfaceKind: KindModule = {
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
  draws: ['mac'],
  defaults: networkInterfaceDefaults,
  rules: networkInterfaceRules,
  indexes: {
    uid: ({ object }) => [object.metadata.uid],
    network: ({ key, object }) => networkValues(key.namespace, object),
    machine: ({ object }) => {
      const uid = specOf<NetworkInterfaceSpec>(object).machineRef?.uid;
      return uid === undefined ? [] : [uid];
    },
    host: ({ facts }) => {
      const { placement } = factsOfNic({ facts });
      return placement === undefined ? [] : [placement.host];
    },
    /** Interfaces of one network on one host: `<host> <namespace>/<network>`. */
    hostNetwork: ({ key, object, facts }) => {
      const { placement } = factsOfNic({ facts });
      return placement === undefined ? [] : networkValues(key.namespace, object).map((network) => `${placement.host} ${network}`);
    },
    /** Interfaces whose addresses rest, by network. */
    resting: ({ key, object, facts }) => (factsOfNic({ facts }).resting === undefined ? [] : networkValues(key.namespace, object)),
  },
  onCreate: (object, context) => {
    const { ips, fields } = literalsOf(object);
    return accepted(unsupportedFacts(object, specOf<NetworkInterfaceSpec>(object)), {
      claims: claimOf(object, ips, fields, context.requestId, '-1'),
      whenGranted: (grants) => [addressed({ ips, mac: macFrom(context), ...restingOf(grants) })],
      warnings: addressWarnings(ips, fields),
    });
  },
  onChange: (before, after, context) => {
    const facts: Fact[] = [...specFacts(before.object, after), ...unsupportedFacts(before.object, specOf<NetworkInterfaceSpec>(after))];
    const old = literalsOf(before.object);
    const { ips, fields } = literalsOf(after);
    if (old.ips.length === ips.length && old.ips.every((ip, i) => ip === ips[i])) return accepted(facts);
    const isNew = ips.map((ip) => !old.ips.includes(ip));
    const gone = old.ips.filter((ip) => !ips.includes(ip));
    const warnings = addressWarnings(ips, fields);
    const { placement, programmed: done } = factsOfNic(before);
    if (placement !== undefined && done === true) facts.push(...conditionFacts(before.object, notProgrammed(placement.host)));
    return accepted(facts, {
      warnings,
      claims: claimOf(
        after,
        ips.filter((_, i) => isNew[i]),
        fields.filter((_, i) => isNew[i]),
        context.requestId,
        before.revision.toString(),
      ),
      // New first, old after (resources 2.2): what is released was used until the append.
      releases: gone.length === 0 ? [] : [releaseOf(before, gone, before.revision)],
      whenGranted: (grants) => {
        const { resting } = restingOf(grants);
        const waits = resting ?? factsOfNic(before).resting;
        const moves = (resting !== undefined || warnings.length > 0) && placement !== undefined;
        return [addressed({ ips, ...(waits !== undefined && { resting: waits }) }), ...(moves ? [unplaced()] : [])];
      },
    });
  },
  onEnd: (before) => {
    const { ips } = literalsOf(before.object);
    return { releases: ips.length === 0 ? [] : [releaseOf(before, ips, undefined)] };
  },
  actions: {
    Settle: (before, payload) => accepted(settlementFacts(before, payload as unknown as Settlement)),
    /** {uid, host, position}: the host's word that the port is up with the placement and the addresses of at or before `position`. */
    Programmed: (before, { uid, host, position }) => {
      const { placement, programmed: done } = factsOfNic(before);
      const { placement: placedAt, addresses: addressedAt } = before.facets;
      if (!isIncarnation(before, uid) || placement === undefined || placement.host !== host || done === true) return accepted([]);
      if ([placedAt, addressedAt].some((since) => since !== undefined && BigInt(position as string) < since.position)) return accepted([]);
      const condition = ready('True', 'Programmed', `programmed on host ${placement.host}`);
      return accepted([programmed(placement.host, position as string), ...conditionFacts(before.object, condition)]);
    },
  },
  evolve: nicEvolve,
  initialFacts: {},
  facetOf: nicFacet,
};

function settlementFacts(before: Folded, wanted: Settlement): Fact[] {
  if (!isIncarnation(before, wanted.uid)) return [];
  const facts: Fact[] = [];
  let holder = specOf<NetworkInterfaceSpec>(before.object).machineRef;
  let cleared = false;
  if (holder !== undefined && wanted.release === (holder.uid ?? '')) {
    facts.push(released());
    holder = undefined;
    cleared = wanted.drops === true;
  }
  if (wanted.claim !== undefined && holder === undefined) {
    facts.push(claimed(wanted.claim));
    holder = wanted.claim;
    cleared = true;
  }
  if (cleared && specOf<NetworkInterfaceSpec>(before.object).providerID !== undefined) facts.push(providerIdCleared());
  // Another machine was first: what was wanted for this one does not hold any more.
  if (wanted.machine !== holder?.uid) return facts;
  const { placement, resting } = factsOfNic(before);
  if (wanted.rested === true && resting !== undefined) facts.push(addressesRested());
  const host = resting !== undefined && wanted.rested !== true ? undefined : wanted.host;
  facts.push(...conditionFacts(before.object, wanted.ready));
  if (host === undefined && placement !== undefined) facts.push(unplaced());
  if (host !== undefined && placement?.host !== host) facts.push(placed(host));
  return facts;
}

function networkValues(namespace: string | undefined, object: ApiObject): string[] {
  const name = specOf<NetworkInterfaceSpec>(object).networkRef?.name;
  return name === undefined ? [] : [`${namespace}/${name}`];
}

function claimOf(object: ApiObject, ips: string[], fields: string[], request: string, revision: string): readonly Claim[] {
  if (ips.length === 0) return [];
  const { namespace = '', name, uid } = object.metadata;
  const network = specOf<NetworkInterfaceSpec>(object).networkRef?.name ?? '';
  const command = { type: 'ClaimAddresses', namespace, network, nic: name, uid, ips, fields, request, revision };
  return [{ stream: addressBookOf(namespace, network), command }];
}

/**
 * What an interface gives back: at its end (`revision` absent) whatever it holds of these, else what it claimed before that revision. Addresses of one
 * that is or was placed may still be forwarded for.
 */
export function releaseOf(before: Folded, ips: string[], revision: bigint | 'none' | undefined): Claim {
  const { namespace = '', uid } = before.object.metadata;
  const network = specOf<NetworkInterfaceSpec>(before.object).networkRef?.name ?? '';
  const upTo = revision === undefined ? {} : { revision: revision.toString() };
  return { stream: addressBookOf(namespace, network), command: { type: 'ReleaseAddresses', uid, ips, ...rowsOf(before), ...upTo } };
}

/** Whether it is in rows, or until when (decimal position) it was; neither when it was never placed. */
export function rowsOf(nic: Folded): Readonly<{ inRows: boolean; leftRows?: string }> {
  const since = nic.facets['placement']?.position;
  const inRows = factsOfNic(nic).placement !== undefined;
  return inRows || since === undefined ? { inRows } : { inRows, leftRows: since.toString() };
}

function restingOf(grants: readonly JsonObject[]): AddressGrant {
  return (grants[0] ?? {}) as AddressGrant;
}

function macFrom(context: DecideContext): string {
  const mac = context.nextMac?.();
  // The writer sees to its stock before it begins (`draws`): without one nothing must be appended.
  if (mac === undefined) throw new Error('no MAC is in stock');
  return mac;
}
