/** What happens to a Host: events and their fold. */
import type { Fact, Folded, JsonObject, KindModule } from '@weft/api';
import { type PlainFields, plainFieldEvolve, wholeSeconds, withSpecField, withStatus } from '@weft/api';
import { EVERYTHING } from '../quarantine.ts';

/** Beside the object. */
export type HostFacts = {
  /** Of the incarnation, for life. */
  index?: number;
  /** Which agent holds the host: a restart is the same one. */
  agent?: string;
  /** VNI -> '' while an interface of the network is placed here, else the decimal position since which none is. */
  held?: { [vni: string]: string };
  /** Table -> rev (decimal) that the kernel reflects; `*`: everything up to that position. */
  applied?: { [table: string]: string };
};

export function factsOfHost(state: Pick<Folded, 'facts'>): HostFacts {
  return state.facts as HostFacts;
}

export type AgentFacts = Readonly<{ agent: string; version: string; driver: string; startedAt: string }>;
export type DriverFaults = readonly Readonly<{ key: string; what: string; detail: string }>[];

const fact = (type: string, data: JsonObject): Fact => ({ type, data });

export const indexAssigned = (index: number) => fact('HostIndexAssigned.v1', { index });
export const underlayChanged = (ip: string) => fact('HostUnderlayChanged.v1', { ip });
export const registered = (agent: AgentFacts) => fact('HostRegistered.v1', { ...agent });
/** No heartbeat for ten seconds. */
export const lost = () => fact('HostLost.v1', {});
export const returned = () => fact('HostReturned.v1', {});
/** An interface of the network is, or is about to be, placed here: from now on rows of it may come here. */
export const networkHeld = (vni: number, network: string) => fact('NetworkHeld.v1', { vni, network });
/** None is any more, since `at`; its kernel objects may still be there. */
export const networkIdle = (vni: number, at: string) => fact('NetworkIdle.v1', { vni, at });
/** The kernel holds nothing of it any more. */
export const networkReleased = (vni: number) => fact('NetworkReleased.v1', { vni });
/** Ports that are up, each with the position of the placement row that the kernel reflects. */
export const nicsProgrammed = (nics: readonly Readonly<{ uid: string; position: string }>[]) =>
  fact('NicProgrammed.v1', { nics: [...nics] });
export const applied = (data: Readonly<{ tables: Record<string, string>; position: string; pendingSince?: string }>) =>
  fact('HostApplied.v1', { ...data, tables: { ...data.tables } });
/** A row change that concerns it is not applied and its agent has not said so itself. */
export const fellBehind = (since: string) => fact('HostFellBehind.v1', { since });
export const cordoned = () => fact('HostCordoned.v1', {});
export const uncordoned = () => fact('HostUncordoned.v1', {});

export const HOST_PLAIN: PlainFields = { roles: 'HostRolesChanged.v1' };

export const hostEvolve: KindModule['evolve'] = {
  ...plainFieldEvolve(HOST_PLAIN),
  'HostIndexAssigned.v1': ({ object, facts }, { index }) => ({
    object: withStatus(object, { index: index as number }),
    facts: { ...facts, index: index as number },
  }),
  'HostUnderlayChanged.v1': ({ object, facts }, { ip }) => ({ object: withSpecField(object, 'underlay', { ip: ip as string }), facts }),
  'HostRegistered.v1': ({ object, facts }, { agent, version, driver, startedAt }) => ({
    object: withStatus(object, { agent: { version, startedAt, driver } as JsonObject }),
    facts: { ...facts, agent: agent as string },
  }),
  'HostLost.v1': (state) => state,
  'HostReturned.v1': (state) => state,
  'NicProgrammed.v1': (state) => state,
  'NetworkHeld.v1': ({ object, facts }, { vni }) => ({ object, facts: { ...facts, held: { ...heldOf(facts), [String(vni)]: '' } } }),
  'NetworkIdle.v1': ({ object, facts }, { vni, at }) => ({
    object,
    facts: { ...facts, held: { ...heldOf(facts), [String(vni)]: at as string } },
  }),
  'NetworkReleased.v1': ({ object, facts }, { vni }) => {
    const held = { ...heldOf(facts) };
    delete held[String(vni)];
    const tables = { ...(facts['applied'] as JsonObject | undefined) };
    delete tables[`endpoints.${vni}`];
    return { object, facts: { ...facts, held, applied: tables } };
  },
  'HostApplied.v1': ({ object, facts }, { tables, position, pendingSince }, { time }) => {
    const { pendingSince: _, ...status } = object.status ?? {};
    const next: JsonObject = { ...status, applied: { position: position as string, at: wholeSeconds(time) } };
    if (pendingSince !== undefined) next['pendingSince'] = pendingSince;
    const revs = { ...(facts['applied'] as JsonObject | undefined), ...(tables as JsonObject), [EVERYTHING]: position as string };
    return { object: { ...object, status: next }, facts: { ...facts, applied: revs } };
  },
  'HostFellBehind.v1': ({ object, facts }, { since }) => ({ object: withStatus(object, { pendingSince: since as string }), facts }),
  'HostCordoned.v1': ({ object, facts }) => ({ object: withSpecField(object, 'unschedulable', true), facts }),
  'HostUncordoned.v1': ({ object, facts }) => ({ object: withSpecField(object, 'unschedulable', false), facts }),
};

function heldOf(facts: JsonObject): JsonObject {
  return (facts['held'] ?? {}) as JsonObject;
}

export function hostFacet(type: string, data: JsonObject): string | undefined {
  switch (type) {
    case 'HostIndexAssigned.v1':
      return 'index';
    case 'HostUnderlayChanged.v1':
      return 'underlay';
    case 'NetworkHeld.v1':
    case 'NetworkReleased.v1':
      return `held.${data['vni']}`;
    default:
      return undefined; // No row reads it: reports come every second.
  }
}
