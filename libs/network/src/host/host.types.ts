/** The types of a Host: its events, its actions, what is known beside the object. */

import { type Static, Type } from '@sinclair/typebox';
import { anyJson, type DataOf, DecimalPosition, defineEvents, kindRef } from '@weft/api';
import { Vni } from '../network/network.types.ts';
import type { HostSpec, HostStatus } from './host.model.ts';

/** `mtu`: of the device that has the underlay address. */
const Mtu = Type.Integer({ minimum: 1 });
const Agent = {
  agent: Type.String(),
  version: Type.String(),
  driver: Type.String(),
  startedAt: Type.String(),
  mtu: Type.Optional(Mtu),
  /** What the host can be, as its agent knows it. */
  roles: Type.Optional(Type.Array(Type.String())),
};
/** Why an agent that lives cannot do its work: one word, and a text for people. */
const Trouble = Type.Object({ reason: Type.String({ pattern: '^[A-Z][A-Za-z]{0,63}$' }), message: Type.String() });
export type Trouble = Readonly<Static<typeof Trouble>>;
/** Table → position of its last change, decimal. */
const Revs = Type.Record(Type.String(), DecimalPosition);
/** When the newest of the reported changes came to the agent, was made into kernel objects, and was in the kernel: RFC 3339 UTC of the host's clock. */
const Stages = Type.Object({ delivered: Type.String(), compiled: Type.String(), applied: Type.String() });
export type Stages = Readonly<Static<typeof Stages>>;
/**
 * The kernel held something else than what its agent had written, at `at` (RFC 3339 UTC of the host's clock), and was put right: how many objects, and of the first
 * ones what was there before and after.
 */
const Drift = Type.Object({
  at: Type.String(),
  count: Type.Integer({ minimum: 1 }),
  entries: Type.Array(Type.Object({ key: Type.String(), before: Type.String(), after: Type.String() })),
});
export type Drift = Readonly<Static<typeof Drift>>;
const ReportedNics = Type.Array(Type.Object({ uid: Type.String(), position: DecimalPosition }));

export const hostEvents = defineEvents({
  'HostRolesChanged.v1': Type.Object({ roles: Type.Optional(Type.Array(Type.String())) }),
  'HostIndexAssigned.v1': Type.Object({ index: Type.Integer({ minimum: 0, maximum: 65_535 }) }),
  'HostUnderlayChanged.v1': Type.Object({ ip: Type.String() }),
  'HostRegistered.v1': Type.Object(Agent),
  /** No heartbeat for ten seconds. */
  'HostLost.v1': Type.Object({}),
  'HostReturned.v1': Type.Object({}),
  /** Its agent lives, and says why the host cannot be relied on. */
  'HostTroubled.v1': Trouble,
  /** Its agent had a trouble, and has none any more. */
  'HostRecovered.v1': Type.Object({}),
  'HostMtuChanged.v1': Type.Object({ mtu: Mtu }),
  /** Another host has the underlay address `ip` now: this one has none until its agent registers again. */
  'HostUnderlayLost.v1': Type.Object({ ip: Type.String() }),
  /** An interface of the network is, or is about to be, placed here: from now on rows of it may come here. */
  'NetworkHeld.v1': Type.Object({ vni: Vni, network: Type.String() }),
  /** No interface of the network is placed here any more, since `at`; its kernel objects may still exist. */
  'NetworkIdle.v1': Type.Object({ vni: Vni, at: DecimalPosition }),
  /** The kernel holds nothing of it any more. */
  'NetworkReleased.v1': Type.Object({ vni: Vni }),
  /** A network that is on this host is peered with this one: from now on its endpoints may come here, though none of its interfaces is placed here. */
  'NetworkImported.v1': Type.Object({ vni: Vni, network: Type.String() }),
  /** No network on this host is peered with it any more: its endpoints do not come here any more. */
  'NetworkImportIdle.v1': Type.Object({ vni: Vni }),
  /** The kernel holds nothing of it any more, as far as it was imported. */
  'NetworkImportReleased.v1': Type.Object({ vni: Vni }),
  /** Ports that are up, each with the position of the placement row that the kernel reflects. */
  'NicProgrammed.v1': Type.Object({ nics: ReportedNics }),
  'HostApplied.v1': Type.Object({
    tables: Revs,
    position: DecimalPosition,
    pendingSince: Type.Optional(Type.String()),
    stages: Type.Optional(Stages),
  }),
  'HostDrifted.v1': Drift,
  /** The host has a row change to apply since `since`, and its agent, which is silent, has not reported that. */
  'HostFellBehind.v1': Type.Object({ since: Type.String() }),
  'HostCordoned.v1': Type.Object({}),
  'HostUncordoned.v1': Type.Object({}),
});

export const hostPayloads = {
  /** Sent by an agent. `avoid`: numbers that something else on its machine uses. Another agent is refused while the present one is Ready. */
  RegisterHost: Type.Object({
    ...Agent,
    /** Checked by the decision: its refusal names the field. */
    underlay: Type.Optional(anyJson()),
    avoid: Type.Optional(Type.Array(Type.Integer())),
    /** The agent does not know yet what the kernel holds: a host that is not Ready stays so until a heartbeat says more. */
    starting: Type.Optional(Type.Literal(true)),
    /** The agent knows already that it cannot work. */
    trouble: Type.Optional(Trouble),
  }),
  HostLost: Type.Object({}),
  HostReturned: Type.Object({}),
  /** The agent is heard, with what its heartbeats say. One of another agent than that which registered changes nothing. */
  Heard: Type.Object({ agent: Type.Optional(Type.String()), trouble: Type.Optional(Trouble), mtu: Type.Optional(Mtu) }),
  /** Another host has taken the underlay address `ip` of the incarnation `uid`. */
  LoseUnderlay: Type.Object({ uid: Type.String(), ip: Type.String() }),
  /** Sent before any row of the network goes to this host. */
  HoldNetwork: Type.Object({ vni: Vni, network: Type.String() }),
  /** Perhaps no interface of the network is placed here any more: the decision checks that. */
  IdleNetwork: Type.Object({ vni: Vni }),
  /** Sent before endpoints of the network go to this host, as it is peered with a network that is here. */
  ImportNetwork: Type.Object({ vni: Vni, network: Type.String() }),
  /** Perhaps no network on this host is peered with it any more: the decision checks that. */
  IdleImport: Type.Object({ vni: Vni }),
  /** The host has rows to apply since `since`, and its agent is silent. */
  FallBehind: Type.Object({ since: Type.String() }),
  /** Ports that are up, as the agent has seen. */
  ReportProgrammed: Type.Object({ nics: ReportedNics }),
  /** Sent at most once a second. */
  ReportApplied: Type.Object({
    tables: Type.Optional(Revs),
    position: Type.Optional(DecimalPosition),
    pendingSince: Type.Optional(Type.String()),
    stages: Type.Optional(Stages),
    drift: Type.Optional(Drift),
    faults: Type.Optional(Type.Array(Type.Object({ key: Type.String(), what: Type.String(), detail: Type.String() }))),
  }),
  /** The heartbeat says that the kernel reflects everything up to `position`. Reported faults and lag stay as they are. */
  Reached: Type.Object({ position: DecimalPosition }),
};
export type AgentFacts = Readonly<DataOf<typeof hostEvents>['HostRegistered.v1']>;
export type DriverFaults = readonly Readonly<{ key: string; what: string; detail: string }>[];

export type HostTypes = {
  spec: HostSpec;
  status: HostStatus;
  facts: {
    /** The number of this incarnation, for its whole life. */
    index?: number;
    /** How many objects of its kernel were found to differ so far, and when the last ones were. */
    drift?: { count: number; at: string };
    /** The agent that runs this host. It is the same one after a restart. */
    agent?: string;
    /** The roles that it said last. */
    roles?: readonly string[];
    /** VNI → '' while the network is in use here, else the decimal position since which no interface of it is placed here. */
    held?: { [vni: string]: string };
    /** By VNI: networks that are imported, since one that is peered with them is here. Idle ones may still be in the kernel. */
    imported?: { [vni: string]: 'used' | 'idle' };
    /** Table → rev (decimal) that the kernel reflects; `*`: everything up to that position. */
    applied?: { [table: string]: string };
  };
  events: DataOf<typeof hostEvents>;
  actions: DataOf<typeof hostPayloads>;
  /**
   * `role`: as the spec says. `vni`: networks that the host may forward for, since it holds or imports them. `hold`, `import`: `<host> <vni>` of those in use on it. `behind`: under '' those that may forward for
   * something, and are not Converged.
   */
  index: 'vni' | 'role' | 'hold' | 'import' | 'behind';
};
export const Host = kindRef<HostTypes>('Host');
