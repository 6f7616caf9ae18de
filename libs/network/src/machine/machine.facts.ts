/** What happens to a Machine: events, their fold, and the facts in which two specs differ. */
import {
  type ApiObject,
  conditionFacts,
  type Fact,
  type JsonObject,
  type JsonValue,
  type KindModule,
  noConditionFacts,
  notSupportedYet,
  type PlainFields,
  plainFieldEvolve,
  plainFieldFacts,
  ready,
  specOf,
  statusOf,
  wholeSeconds,
  withCondition,
  withoutStatusField,
  withStatus,
} from '@weft/api';
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

/** A slot as the machine's status tells it; times are added by the fold. Only slots that changed are reported: a machine may have thousands. */
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

const plain = plainFieldEvolve(PLAIN);

export const machineEvolve: KindModule['evolve'] = {
  ...plain,
  'MachineCreated.v1': ({ object, facts }, _data, { time }) => ({
    object:
      (specOf<MachineSpec>(object).networkInterfaces ?? []).length === 0
        ? withCondition(object, ready('True', 'NoInterfaces', 'it has no network interfaces'), time)
        : withCondition(object, ready('False', 'InterfacesPending', 'its network interfaces are not available yet'), time),
    facts,
  }),
  'MachineNetworkInterfacesChanged.v1': ({ object, facts }, data, metadata) => {
    const after = plain['MachineNetworkInterfacesChanged.v1']?.({ object, facts }, data) as { object: ApiObject; facts: JsonObject };
    return { object: withSlots(after.object, [], metadata.time), facts };
  },
  'MachineInterfacesReported.v1': ({ object, facts }, { slots }, { time }) => ({
    object: withSlots(object, slots as unknown as readonly SlotReport[], time),
    facts,
  }),
};

/** One status for each slot of the spec, in its order. */
function withSlots(object: ApiObject, reports: readonly SlotReport[], time: string): ApiObject {
  const before = new Map((statusOf<MachineStatus>(object).networkInterfaces ?? []).map((slot) => [slot.name, slot]));
  const news = new Map(reports.map((report) => [report.name, report]));
  const slots: MachineNetworkInterfaceStatus[] = [];
  for (const { name = '' } of specOf<MachineSpec>(object).networkInterfaces ?? []) {
    const report = news.get(name);
    const known = before.get(name);
    if (report !== undefined) slots.push(slotStatus(report, known, time));
    else if (known !== undefined) slots.push(known);
  }
  if (slots.length === 0)
    return object.status?.['networkInterfaces'] === undefined ? object : withoutStatusField(object, 'networkInterfaces');
  return withStatus(object, { networkInterfaces: slots as unknown as JsonValue });
}
