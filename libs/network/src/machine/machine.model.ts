/** Machine: its network interfaces and where it runs (resources 2.10). Volumes, image and the like are taken and kept; nothing here acts on them. */
import {
  ConditionModel,
  Free,
  FreeList,
  Int,
  type KindModule,
  LocalObjectReference,
  Nested,
  NestedList,
  ObjectMetaModel,
  Text,
  TextMap,
  Time,
} from '@weft/api';
import { NetworkInterfaceSpec } from '../network-interface/network-interface.model.ts';

export class NetworkInterfaceTemplate {
  @Nested(() => ObjectMetaModel, 'Labels and annotations of the interface; the rest is ignored.') readonly metadata?: ObjectMetaModel;
  @Nested(() => NetworkInterfaceSpec, 'Spec of the interface.') readonly spec?: NetworkInterfaceSpec;
}

export class EphemeralNetworkInterfaceSource {
  @Nested(() => NetworkInterfaceTemplate, 'Interface that is made for the machine and goes with it.')
  readonly networkInterfaceTemplate?: NetworkInterfaceTemplate;
}

export class MachineNetworkInterface {
  @Text('Name of the slot, unique within the machine.') readonly name?: string;
  @Nested(() => LocalObjectReference, 'A NetworkInterface of the same namespace.') readonly networkInterfaceRef?: LocalObjectReference;
  @Nested(() => EphemeralNetworkInterfaceSource, 'An interface named after machine and slot.')
  readonly ephemeral?: EphemeralNetworkInterfaceSource;
}

export class MachineSpec {
  @Nested(() => LocalObjectReference, 'Class of the machine.') readonly machineClassRef?: LocalObjectReference;
  @TextMap('Labels of the pools that may run the machine.') readonly machinePoolSelector?: Record<string, string>;
  @Nested(() => LocalObjectReference, 'Host that runs the machine.') readonly machinePoolRef?: LocalObjectReference;
  @Text('Whether the machine is to run.', { values: ['On', 'Off'] }) readonly power?: string;
  @Text('Image of the operating system.') readonly image?: string;
  @Nested(() => LocalObjectReference, 'Credentials for the image.') readonly imagePullSecretRef?: LocalObjectReference;
  @NestedList(() => MachineNetworkInterface, 'Network interfaces.', { mergeKey: 'name' })
  readonly networkInterfaces?: MachineNetworkInterface[];
  @FreeList('Volumes.') readonly volumes?: object[];
  @Free('Secret with the ignition of the machine.') readonly ignitionRef?: object;
  @FreeList('Variables for the firmware.') readonly efiVars?: object[];
  @FreeList('Taints of pools that the machine tolerates.') readonly tolerations?: object[];
  @Free('Configuration of the guest.') readonly guestConfig?: object;
}

export class MachineNetworkInterfaceStatus {
  @Text('Name of the slot.') readonly name?: string;
  @Text("The pool's own handle.") readonly handle?: string;
  @Text('Whether it is attached.', { values: ['Pending', 'Attached'] }) readonly state?: string;
  @Nested(() => LocalObjectReference, 'NetworkInterface of the slot.') readonly networkInterfaceRef?: LocalObjectReference;
  @Time('When the state last changed.') readonly lastStateTransitionTime?: string;
}

export class MachineStatus {
  @Text("The pool's own identity of the machine.") readonly machineID?: string;
  @Int('Generation that the pool has seen.', { min: 0, max: Number.MAX_SAFE_INTEGER }) readonly observedGeneration?: number;
  @Text('Whether the machine runs.', { values: ['Pending', 'Running', 'Shutdown', 'Terminated', 'Terminating'] }) readonly state?: string;
  @NestedList(() => MachineNetworkInterfaceStatus, 'State of each slot, in the order of the spec.', { mergeKey: 'name' })
  readonly networkInterfaces?: MachineNetworkInterfaceStatus[];
  @FreeList('State of each volume.') readonly volumes?: object[];
  @NestedList(() => ConditionModel, 'What holds of the machine, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const machineModel = { spec: MachineSpec, status: MachineStatus } as const satisfies NonNullable<KindModule['model']>;
