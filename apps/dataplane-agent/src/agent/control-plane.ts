/** What the agent sends to the control plane, and the answers. Every message is safe to repeat. */
import type { JsonObject } from '@weft/api';
import type { HostIdentity } from '@weft/fabric';
import type { StandingFault } from '../kernel/kernel-sync.ts';
import type { AskedEntries, ShownEntries } from '../kernel/shown-entries.ts';
import type { StagedReport } from '../reports/staged-counts.ts';

export type Registration =
  /** `storeId`: which log this is; another one than before makes every kept position meaningless (DESIGN 9.1). */
  | Readonly<{ outcome: 'registered'; identity: HostIdentity; storeId?: string }>
  /** A refusal that a repeat does not change soon, with its reason for people: a living agent has the name, or another host the address. */
  | Readonly<{ outcome: 'refused'; why: string }>
  /** The control plane is away, or slow. */
  | Readonly<{ outcome: 'unreachable'; why: string }>;

/** A NIC whose port is in the kernel and up, as of the row at `position`. */
export type ProgrammedNic = Readonly<{ nic: string; position: string }>;

/** When a change came to this agent, was made into kernel objects, and was in the kernel. */
export type Stages = Readonly<{ delivered: Date; compiled: Date; applied: Date }>;

/** Objects of which the kernel held something else than was written: how many, found when, and of the first ones what was there before and after. */
export type Drift = Readonly<{ at: Date; count: number; entries: readonly Readonly<{ key: string; before: string; after: string }>[] }>;

/** Whether an interface here passes the check of a balancer. `namespace`, `name`: of the balancer; `balancer`, `target`: uids. */
export type TargetHealth = Readonly<{ namespace: string; name: string; balancer: string; target: string; healthy: boolean }>;

export type AppliedReport = Readonly<{
  /** Table -> rev up to which the kernel holds it. Those that changed since the last report that was taken. */
  tables: ReadonlyMap<string, bigint>;
  /** Position that the kernel reflects, over all tables. */
  position: bigint;
  /** Since when a row change waits for the kernel; absent: none does. */
  pendingSince?: Date;
  /** Of the newest of these changes; absent where no row changed. */
  stages?: Stages;
  /** The oldest that was not reported yet. */
  drift?: Drift;
  /** What the kernel refuses, first ones first, at most a few. */
  faults: readonly StandingFault[];
}>;

/** Why the agent cannot do its work: one word, and a text for people that stays the same as long as the trouble does. */
export type Trouble = Readonly<{ reason: string; message: string }>;

/** What the agent knows of its host. `mtu`: of the device that has the underlay address. */
export type HostHealth = Readonly<{ trouble?: Trouble; mtu?: number }>;

/** `starting`: the kernel has not been compared with complete rows since the agent began. */
export type Heartbeat = HostHealth & Readonly<{ position: bigint; pending: number; pendingSince?: Date; starting: boolean }>;

export interface ControlPlane {
  register(underlay: string, health: HostHealth): Promise<Registration>;
  /** False when the control plane did not take it: report it again. */
  reportProgrammed(nics: readonly ProgrammedNic[]): Promise<boolean>;
  reportApplied(report: AppliedReport): Promise<boolean>;
  reportHealth(targets: readonly TargetHealth[]): Promise<boolean>;
  /** Sent at most once, without an answer. */
  heartbeat(beat: Heartbeat): void;
  /** What staged policies would refuse here. Sent at most once, without an answer. */
  reportStaged(report: StagedReport): void;
  /** Answers whoever asks what this host's kernel holds, until the returned function is called. */
  answerEntries(answer: (asked: AskedEntries) => Promise<ShownEntries>): () => void;
  /** Likewise whoever traces a probe through this host's kernel (`LiveProbes`). */
  answerLive(answer: (asked: JsonObject) => Promise<JsonObject>): () => void;
}
