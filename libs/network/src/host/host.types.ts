/** The types of a Host: its events, its actions, what is known beside the object. */

import { Type } from '@sinclair/typebox';
import { anyJson, type DataOf, DecimalPosition, defineEvents, kindRef } from '@weft/api';
import { Vni } from '../network/network.types.ts';
import type { HostSpec, HostStatus } from './host.model.ts';

const Agent = { agent: Type.String(), version: Type.String(), driver: Type.String(), startedAt: Type.String() };
/** Table → position of its last change, decimal. */
const Revs = Type.Record(Type.String(), DecimalPosition);
const ReportedNics = Type.Array(Type.Object({ uid: Type.String(), position: DecimalPosition }));

export const hostEvents = defineEvents({
  'HostRolesChanged.v1': Type.Object({ roles: Type.Optional(Type.Array(Type.String())) }),
  'HostIndexAssigned.v1': Type.Object({ index: Type.Integer({ minimum: 0, maximum: 65_535 }) }),
  'HostUnderlayChanged.v1': Type.Object({ ip: Type.String() }),
  'HostRegistered.v1': Type.Object(Agent),
  /** No heartbeat for ten seconds. */
  'HostLost.v1': Type.Object({}),
  'HostReturned.v1': Type.Object({}),
  /** An interface of the network is, or is about to be, placed here: from now on rows of it may come here. */
  'NetworkHeld.v1': Type.Object({ vni: Vni, network: Type.String() }),
  /** None is any more, since `at`; its kernel objects may still be there. */
  'NetworkIdle.v1': Type.Object({ vni: Vni, at: DecimalPosition }),
  /** The kernel holds nothing of it any more. */
  'NetworkReleased.v1': Type.Object({ vni: Vni }),
  /** Ports that are up, each with the position of the placement row that the kernel reflects. */
  'NicProgrammed.v1': Type.Object({ nics: ReportedNics }),
  'HostApplied.v1': Type.Object({ tables: Revs, position: DecimalPosition, pendingSince: Type.Optional(Type.String()) }),
  /** A row change that concerns it is not applied and its agent has not reported so itself. */
  'HostFellBehind.v1': Type.Object({ since: Type.String() }),
  'HostCordoned.v1': Type.Object({}),
  'HostUncordoned.v1': Type.Object({}),
});

export const hostPayloads = {
  /** Of an agent. `avoid`: numbers that something else on its machine uses. The same agent may come again; another one is refused while the holder is heard. */
  RegisterHost: Type.Object({
    ...Agent,
    /** Checked by the decision: its refusal names the field. */
    underlay: Type.Optional(anyJson()),
    roles: Type.Optional(Type.Array(Type.String())),
    avoid: Type.Optional(Type.Array(Type.Integer())),
  }),
  HostLost: Type.Object({}),
  HostReturned: Type.Object({}),
  /** Before any row of the network goes to this host. */
  HoldNetwork: Type.Object({ vni: Vni, network: Type.String() }),
  /** No interface of the network is placed here any more: the decision looks for itself. */
  IdleNetwork: Type.Object({ vni: Vni }),
  /** It has rows to apply since `since` and its agent is silent. */
  FallBehind: Type.Object({ since: Type.String() }),
  /** Ports that its agent saw come up. */
  ReportProgrammed: Type.Object({ nics: ReportedNics }),
  /** At most one a second. */
  ReportApplied: Type.Object({
    tables: Type.Optional(Revs),
    position: Type.Optional(DecimalPosition),
    pendingSince: Type.Optional(Type.String()),
    faults: Type.Optional(Type.Array(Type.Object({ key: Type.String(), what: Type.String(), detail: Type.String() }))),
  }),
  /** Its kernel reflects everything up to `position`, as its heartbeat says. What it reported of faults or of lag stays. */
  Reached: Type.Object({ position: DecimalPosition }),
};
export type AgentFacts = Readonly<DataOf<typeof hostEvents>['HostRegistered.v1']>;
export type DriverFaults = readonly Readonly<{ key: string; what: string; detail: string }>[];

export type HostTypes = {
  spec: HostSpec;
  status: HostStatus;
  facts: {
    /** Of the incarnation, for life. */
    index?: number;
    /** Which agent holds the host: a restart is the same one. */
    agent?: string;
    /** VNI → '' while an interface of the network is placed here, else the decimal position since which none is. */
    held?: { [vni: string]: string };
    /** Table → rev (decimal) that the kernel reflects; `*`: everything up to that position. */
    applied?: { [table: string]: string };
  };
  events: DataOf<typeof hostEvents>;
  actions: DataOf<typeof hostPayloads>;
  /** `vni`: that it holds. `hold`: `<host> <vni>` of the networks in use on it. */
  index: 'vni' | 'hold' | 'silent';
};
export const Host = kindRef<HostTypes>('Host');
