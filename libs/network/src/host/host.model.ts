/** Host: a computer that carries interfaces and forwards for them (resources 2.11). */
import { ConditionModel, Flag, Int, Ip, type KindModule, Nested, NestedList, Text, TextList, Time } from '@weft/api';

export const HOST_ROLES = ['Compute', 'Edge'] as const;

export class HostUnderlay {
  @Ip('Address that tunnels to this host end at, unique among hosts.') readonly ip?: string;
}

export class HostSpec {
  @Nested(() => HostUnderlay, 'Where the host is in the underlay.') readonly underlay?: HostUnderlay;
  @TextList('Compute carries interfaces; Edge has an uplink for public packets.', { values: HOST_ROLES }) readonly roles?: string[];
  @Flag('Nothing more is placed here.') readonly unschedulable?: boolean;
}

export class HostAgentStatus {
  @Text('Version of the agent.') readonly version?: string;
  @Time('When it started.') readonly startedAt?: string;
  @Text('What it programs: linux or simulated.') readonly driver?: string;
}

export class HostAppliedStatus {
  @Text('Position of the log that the dataplane reflects.') readonly position?: string;
  @Time('When it was reached.') readonly at?: string;
}

export class HostStatus {
  @Int('Number of the host in the fabric, never in use twice at once.', { min: 0, max: 65535, keepsEmpty: true }) readonly index?: number;
  @Nested(() => HostAgentStatus, 'The agent that last registered.') readonly agent?: HostAgentStatus;
  @Int('MTU of the device that has the underlay address, in bytes.') readonly mtu?: number;
  @Nested(() => HostAppliedStatus, 'What the dataplane reflects.') readonly applied?: HostAppliedStatus;
  @Time('Time of the oldest change that is not applied yet; absent when there is none.') readonly pendingSince?: string;
  @NestedList(() => ConditionModel, 'Ready, Converged, KernelRefused.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const hostModel = { spec: HostSpec, status: HostStatus } as const satisfies NonNullable<KindModule['model']>;
