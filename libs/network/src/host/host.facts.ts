/** The events of a Host and their fold. */
import {
  EVERYTHING,
  type Evolve,
  type Facets,
  type FactOf,
  sameJson,
  wholeSeconds,
  withoutStatusField,
  withSpecField,
  withStatus,
} from '@weft/api';

import type { HostSpec } from './host.model.ts';
import type { AgentFacts, Drift, HostTypes, Trouble } from './host.types.ts';

export type HostFact = FactOf<HostTypes>;

export const rolesChanged = (roles: HostSpec['roles']): HostFact => ({
  type: 'HostRolesChanged.v1',
  data: roles === undefined ? {} : { roles: [...roles] },
});
export const indexAssigned = (index: number): HostFact => ({ type: 'HostIndexAssigned.v1', data: { index } });
export const underlayChanged = (ip: string): HostFact => ({ type: 'HostUnderlayChanged.v1', data: { ip } });
export const registered = ({ roles, ...agent }: AgentFacts): HostFact => ({
  type: 'HostRegistered.v1',
  data: { ...agent, ...(roles !== undefined && { roles: [...roles] }) },
});
export const lost = (): HostFact => ({ type: 'HostLost.v1', data: {} });
export const returned = (): HostFact => ({ type: 'HostReturned.v1', data: {} });
export const troubled = (trouble: Trouble): HostFact => ({ type: 'HostTroubled.v1', data: { ...trouble } });
export const recovered = (): HostFact => ({ type: 'HostRecovered.v1', data: {} });
export const mtuChanged = (mtu: number): HostFact => ({ type: 'HostMtuChanged.v1', data: { mtu } });
export const underlayLost = (ip: string): HostFact => ({ type: 'HostUnderlayLost.v1', data: { ip } });
export const networkHeld = (vni: number, network: string): HostFact => ({ type: 'NetworkHeld.v1', data: { vni, network } });
export const networkIdle = (vni: number, at: string): HostFact => ({ type: 'NetworkIdle.v1', data: { vni, at } });
export const networkReleased = (vni: number): HostFact => ({ type: 'NetworkReleased.v1', data: { vni } });
export const nicsProgrammed = (nics: HostTypes['events']['NicProgrammed.v1']['nics']): HostFact => ({
  type: 'NicProgrammed.v1',
  data: { nics: [...nics] },
});
export const applied = ({ tables, ...rest }: HostTypes['events']['HostApplied.v1']): HostFact => ({
  type: 'HostApplied.v1',
  data: { ...rest, tables: { ...tables } },
});
export const drifted = ({ entries, ...rest }: Drift): HostFact => ({ type: 'HostDrifted.v1', data: { ...rest, entries: [...entries] } });
export const fellBehind = (since: string): HostFact => ({ type: 'HostFellBehind.v1', data: { since } });
export const cordoned = (): HostFact => ({ type: 'HostCordoned.v1', data: {} });
const uncordoned = (): HostFact => ({ type: 'HostUncordoned.v1', data: {} });

/** The facts in which two specs differ, without the underlay, which needs a claim. */
export function specFacts(before: HostSpec, after: HostSpec): HostFact[] {
  const facts: HostFact[] = [];
  if (!sameJson(before.roles, after.roles)) facts.push(rolesChanged(after.roles));
  const wasClosed = before.unschedulable === true;
  const isClosed = after.unschedulable === true;
  if (wasClosed !== isClosed) facts.push(isClosed ? cordoned() : uncordoned());
  return facts;
}

export const hostEvolve: Evolve<HostTypes> = {
  'HostRolesChanged.v1': ({ object, facts }, { roles }) => ({ object: withSpecField(object, 'roles', roles), facts }),
  'HostIndexAssigned.v1': ({ object, facts }, { index }) => ({ object: withStatus(object, { index }), facts: { ...facts, index } }),
  'HostUnderlayChanged.v1': ({ object, facts }, { ip }) => ({ object: withSpecField(object, 'underlay', { ip }), facts }),
  'HostRegistered.v1': ({ object, facts }, { agent, version, driver, startedAt, mtu, roles }) => ({
    object: withStatus(object, { agent: { version, startedAt, driver }, ...(mtu !== undefined && { mtu }) }),
    facts: { ...facts, agent, ...(roles !== undefined && { roles }) },
  }),
  'HostTroubled.v1': (state) => state,
  'HostRecovered.v1': (state) => state,
  'HostMtuChanged.v1': ({ object, facts }, { mtu }) => ({ object: withStatus(object, { mtu }), facts }),
  'HostUnderlayLost.v1': ({ object, facts }) => ({ object: withSpecField(object, 'underlay', undefined), facts }),
  'HostLost.v1': (state) => state,
  'HostReturned.v1': (state) => state,
  'NicProgrammed.v1': (state) => state,
  'NetworkHeld.v1': ({ object, facts }, { vni }) => ({ object, facts: { ...facts, held: { ...facts.held, [vni]: '' } } }),
  'NetworkIdle.v1': ({ object, facts }, { vni, at }) => ({ object, facts: { ...facts, held: { ...facts.held, [vni]: at } } }),
  'NetworkReleased.v1': ({ object, facts }, { vni }) => ({
    object,
    facts: forgetting(vni, { ...facts, held: without(facts.held, `${vni}`) }),
  }),
  'NetworkImported.v1': ({ object, facts }, { vni }) => ({ object, facts: { ...facts, imported: { ...facts.imported, [vni]: 'used' } } }),
  'NetworkImportIdle.v1': ({ object, facts }, { vni }) => ({ object, facts: { ...facts, imported: { ...facts.imported, [vni]: 'idle' } } }),
  'NetworkImportReleased.v1': ({ object, facts: { imported, ...facts } }, { vni }) => {
    const left = without(imported, `${vni}`);
    return { object, facts: forgetting(vni, Object.keys(left).length === 0 ? facts : { ...facts, imported: left }) };
  },
  'HostApplied.v1': ({ object, facts }, { tables, position, pendingSince }, { time }) => {
    const reached = withStatus(withoutStatusField(object, 'pendingSince'), { applied: { position, at: wholeSeconds(time) } });
    return {
      object: pendingSince === undefined ? reached : withStatus(reached, { pendingSince }),
      facts: { ...facts, applied: { ...facts.applied, ...tables, [EVERYTHING]: position } },
    };
  },
  'HostDrifted.v1': ({ object, facts }, { count, at }) => ({
    object,
    facts: { ...facts, drift: { count: (facts.drift?.count ?? 0) + count, at } },
  }),
  'HostFellBehind.v1': ({ object, facts }, { since }) => ({ object: withStatus(object, { pendingSince: since }), facts }),
  'HostCordoned.v1': ({ object, facts }) => ({ object: withSpecField(object, 'unschedulable', true), facts }),
  'HostUncordoned.v1': ({ object, facts }) => ({ object: withSpecField(object, 'unschedulable', false), facts }),
};

function without<V>(record: Readonly<Record<string, V>> | undefined, name: string): Record<string, V> {
  const { [name]: _, ...rest } = record ?? {};
  return rest;
}

/** Forgets how far the tables of a network were applied that the host neither holds nor imports any more. */
function forgetting(vni: number, facts: HostTypes['facts']): HostTypes['facts'] {
  if (facts.held?.[vni] !== undefined || facts.imported?.[vni] !== undefined) return facts;
  const left = Object.entries(facts.applied ?? {}).filter(([table]) => !table.endsWith(`.${vni}`) || isOfHost(table));
  return { ...facts, applied: Object.fromEntries(left) };
}

/** A host may have a number for a name. */
function isOfHost(table: string): boolean {
  return table.startsWith('placements.') || table.startsWith('imports.');
}

export const importFacet = (vni: number | string): string => `imported.${vni}`;

/** Reports come every second and belong to no facet. */
export const hostFacets: Facets<HostTypes> = {
  'HostRolesChanged.v1': 'spec.roles',
  'HostIndexAssigned.v1': 'index',
  'HostUnderlayChanged.v1': 'underlay',
  'HostRegistered.v1': undefined,
  'HostLost.v1': undefined,
  'HostReturned.v1': undefined,
  'HostTroubled.v1': undefined,
  'HostRecovered.v1': undefined,
  'HostMtuChanged.v1': 'mtu',
  'HostUnderlayLost.v1': 'underlay',
  'NetworkHeld.v1': ({ vni }) => `held.${vni}`,
  // A facet of its own, so that rows, which have the position of the hold, do not change when the network becomes idle.
  'NetworkIdle.v1': ({ vni }) => `idle.${vni}`,
  'NetworkReleased.v1': ({ vni }) => `held.${vni}`,
  'NetworkImported.v1': ({ vni }) => importFacet(vni),
  'NetworkImportIdle.v1': ({ vni }) => importFacet(vni),
  'NetworkImportReleased.v1': ({ vni }) => importFacet(vni),
  'NicProgrammed.v1': undefined,
  'HostApplied.v1': undefined,
  'HostDrifted.v1': undefined,
  'HostFellBehind.v1': undefined,
  'HostCordoned.v1': 'spec.unschedulable',
  'HostUncordoned.v1': 'spec.unschedulable',
};
