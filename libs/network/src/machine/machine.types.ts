/** The types of a Machine, as far as its network interfaces go: its events, its actions. */

import { type TSchema, Type } from '@sinclair/typebox';
import { anyJson, type ConditionFact, type DataOf, defineEvents, kindRef, LocalObjectReference, ofModel } from '@weft/api';
import { MachineNetworkInterface, type MachineSpec, type MachineStatus } from './machine.model.ts';

const optional = <S extends TSchema>(schema: S) => Type.Optional(schema);

/** A slot in the machine's status; the fold adds the times. */
const Slot = Type.Object({
  name: Type.String(),
  state: Type.Union([Type.Literal('Pending'), Type.Literal('Attached')]),
  nic: Type.Optional(Type.String()),
});

export const machineEvents = defineEvents({
  'MachineNetworkInterfacesChanged.v1': Type.Object({ networkInterfaces: optional(Type.Array(ofModel(MachineNetworkInterface))) }),
  'MachineScheduled.v1': Type.Object({ machinePoolRef: optional(ofModel(LocalObjectReference)) }),
  'MachineClassChanged.v1': Type.Object({ machineClassRef: optional(ofModel(LocalObjectReference)) }),
  'MachinePoolSelectorChanged.v1': Type.Object({ machinePoolSelector: optional(Type.Record(Type.String(), Type.String())) }),
  'MachinePowerChanged.v1': Type.Object({ power: optional(Type.String()) }),
  'MachineImageChanged.v1': Type.Object({ image: optional(Type.String()) }),
  'MachineImagePullSecretChanged.v1': Type.Object({ imagePullSecretRef: optional(ofModel(LocalObjectReference)) }),
  'MachineVolumesChanged.v1': Type.Object({ volumes: optional(Type.Array(anyJson<object>())) }),
  'MachineIgnitionChanged.v1': Type.Object({ ignitionRef: optional(anyJson<object>()) }),
  'MachineEfiVarsChanged.v1': Type.Object({ efiVars: optional(Type.Array(anyJson<object>())) }),
  'MachineTolerationsChanged.v1': Type.Object({ tolerations: optional(Type.Array(anyJson<object>())) }),
  'MachineGuestConfigChanged.v1': Type.Object({ guestConfig: optional(anyJson<object>()) }),
  /** Only slots that changed: a machine may have thousands. */
  'MachineInterfacesReported.v1': Type.Object({ slots: Type.Array(Slot) }),
});

export const machinePayloads = {
  /** The states of interfaces of the incarnation `uid`; slots that are not named stay as they are. */
  ReportInterfaces: Type.Object({ uid: Type.String(), slots: Type.Array(Slot), ready: anyJson<ConditionFact>() }),
};
export type SlotReport = Readonly<DataOf<typeof machineEvents>['MachineInterfacesReported.v1']['slots'][number]>;

export type MachineTypes = {
  spec: MachineSpec;
  status: MachineStatus;
  facts: Record<never, never>;
  events: DataOf<typeof machineEvents>;
  actions: DataOf<typeof machinePayloads>;
  index: 'nic' | 'host' | 'ephemeralInterfaces';
};
export const Machine = kindRef<MachineTypes>('Machine');
