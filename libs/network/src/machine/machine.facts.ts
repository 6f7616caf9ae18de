/** What happens to a Machine: events, their fold, and the facts in which two specs differ. */
import {
  type ApiObject,
  conditionFacts,
  type Fact,
  type JsonValue,
  type KindModule,
  noConditionFacts,
  wholeSeconds,
  withCondition,
} from '@weft/api';
import { notSupportedYet, ready } from '../model/conditions.ts';
import { specOf, statusOf } from '../model/object-part.ts';
import { type PlainFields, plainFieldEvolve, plainFieldFacts, withStatus } from '../model/plain-fields.ts';
import type { MachineNetworkInterfaceStatus, MachineSpec, MachineStatus } from './machine.model.ts';

/** Each field is replaced as a whole; what becomes of the interfaces is decided on their own streams. */
const PLAIN: PlainFields = {
  networkInterfaces: 'MachineNetworkInterfacesChanged.v1',
  machinePoolRef: 'MachineScheduled.v1',
  machineClassRef: 'MachineClassChanged.v1',
  machinePoolSelector: 'MachinePoolSelectorChanged.v1',
  power: 'MachinePowerChanged.v1',
  image: 'MachineImageChanged.v1',
  imagePullSecretRef: 'MachineImagePullSecretChanged.v1',
  volumes: 'MachineVolumesChanged.v1',
  ignitionRef: 'MachineIgnitionChanged.v1',
  efiVars: 'MachineEfiVarsChanged.v1',
  tolerations: 'MachineTolerationsChanged.v1',
  guestConfig: 'MachineGuestConfigChanged.v1',
};

export const specFacts = (before: ApiObject, after: ApiObject): Fact[] => plainFieldFacts(PLAIN, before, after);

export function unsupportedFacts(object: ApiObject, spec: MachineSpec): readonly Fact[] {
  const asked = spec.networkInterfaces?.some(({ ephemeral }) => ephemeral !== undefined) === true;
  const condition = notSupportedYet('EphemeralInterfacesCreated', 'spec.networkInterfaces[].ephemeral');
  return asked ? conditionFacts(object, condition) : noConditionFacts(object, condition.type);
}

/** A slot as the machine's status tells it; times are added by the fold. */
export type SlotReport = Readonly<{ name: string; state: 'Pending' | 'Attached'; nic?: string }>;

export const slotsReported = (slots: readonly SlotReport[]): Fact => ({
  type: 'MachineInterfacesReported.v1',
  data: { slots: slots as unknown as JsonValue[] },
});

function slotStatus(report: SlotReport, before: MachineNetworkInterfaceStatus | undefined, time: string): MachineNetworkInterfaceStatus {
  const { name, state, nic } = report;
  const was = before?.state ?? 'Pending';
  const since = was === state ? before?.lastStateTransitionTime : wholeSeconds(time);
  return {
    name,
    state,
    ...(nic !== undefined && { networkInterfaceRef: { name: nic } }),
    ...(since !== undefined && { lastStateTransitionTime: since }),
  };
}

export const machineEvolve: KindModule['evolve'] = {
  ...plainFieldEvolve(PLAIN),
  'MachineCreated.v1': ({ object, facts }, _data, { time }) => ({
    object:
      (specOf<MachineSpec>(object).networkInterfaces ?? []).length === 0
        ? withCondition(object, ready('True', 'NoInterfaces', 'it has no network interfaces'), time)
        : withCondition(object, ready('False', 'InterfacesPending', 'its network interfaces are not available yet'), time),
    facts,
  }),
  'MachineInterfacesReported.v1': ({ object, facts }, { slots }, { time }) => {
    const before = statusOf<MachineStatus>(object).networkInterfaces ?? [];
    const reports = slots as unknown as readonly SlotReport[];
    const networkInterfaces = reports.map((report) =>
      slotStatus(
        report,
        before.find(({ name }) => name === report.name),
        time,
      ),
    );
    return { object: withStatus(object, { networkInterfaces: networkInterfaces as unknown as JsonValue }), facts };
  },
};
