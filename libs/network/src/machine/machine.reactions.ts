/** A machine's status follows its interfaces. */
import {
  act,
  conditionOf,
  type Draft,
  type EventChange,
  type FactsView,
  type Folded,
  isDeleting,
  type JsonObject,
  liveOnly,
  type Reaction,
  ready,
  sameJson,
  specOf,
  statusOf,
} from '@weft/api';
import { nicKey } from '../keys.ts';
import { factsOfNic } from '../network-interface/network-interface.facts.ts';
import type { NetworkInterfaceSpec } from '../network-interface/network-interface.model.ts';
import type { SlotReport } from './machine.facts.ts';
import { slotOf } from './machine.kind.ts';
import type { MachineNetworkInterface, MachineSpec, MachineStatus } from './machine.model.ts';

/** Slots of one report; a report brings the next one if there is more. */
const SLOTS_MAX = 1_000;

const reportInterfaces: Reaction = {
  name: 'report-machine-interfaces',
  context: 'network',
  on: [
    'MachineCreated.v1',
    'MachineNetworkInterfacesChanged.v1',
    'MachineInterfacesReported.v1',
    // What was reported on an older view may come last: it is put right.
    'ConditionChanged.v1',
    'NetworkInterfaceClaimed.v1',
    'NetworkInterfaceReleased.v1',
    'NetworkInterfacePlaced.v1',
    'NetworkInterfaceUnplaced.v1',
    'NetworkInterfaceProgrammed.v1',
    'NetworkInterfaceAddressed.v1',
    'NetworkInterfaceEnded.v1',
  ],
  react: (change, facts) => {
    const drafts: Draft[] = [];
    for (const machine of machinesTouchedBy(change, facts)) {
      if (isDeleting(machine)) continue;
      const { slots, ready: condition } = reportOf(machine, facts);
      const present = conditionOf(machine.object, 'Ready');
      const sameReady =
        present?.status === condition.status && present.reason === condition.reason && present.message === condition.message;
      const told = new Map((statusOf<MachineStatus>(machine.object).networkInterfaces ?? []).map((slot) => [slot.name, slotOf(slot)]));
      const news = slots.filter((slot) => !sameJson(told.get(slot.name), slot)).slice(0, SLOTS_MAX);
      if (sameReady && news.length === 0) continue;
      const payload = { uid: machine.object.metadata.uid, slots: news, ready: condition };
      drafts.push(act(machine.key, 'ReportInterfaces', payload as unknown as JsonObject));
    }
    return drafts;
  },
};

function* machinesTouchedBy(change: EventChange, facts: FactsView): Iterable<Folded> {
  const { before, after } = change;
  const state = (after ?? before) as Folded;
  const { kind, namespace = '', name } = state.key;
  if (change.event.type === 'ConditionChanged.v1' && kind !== 'Machine') return;
  // Of new addresses only those of an interface that was attached tell anything; most belong to one that is being created.
  if (change.event.type === 'NetworkInterfaceAddressed.v1' && (before === undefined || factsOfNic(before).programmed !== true)) return;
  if (kind === 'Machine') {
    const machine = liveOnly(facts.get(state.key));
    if (machine !== undefined) yield machine;
    return;
  }
  yield* facts.by('Machine', 'nic', `${namespace}/${name}`);
}

function reportOf(machine: Folded, facts: FactsView) {
  const slots = (specOf<MachineSpec>(machine.object).networkInterfaces ?? []).map((slot) => slotReport(slot, machine, facts));
  const waiting = slots.filter(({ state }) => state === 'Pending');
  const names = waiting.map((slot) => slot.name).join(', ');
  const condition =
    slots.length === 0
      ? ready('True', 'NoInterfaces', 'it has no network interfaces')
      : waiting.length === 0
        ? ready('True', 'InterfacesAvailable', 'all its network interfaces are available')
        : ready('False', 'InterfacesPending', `its network interfaces are not available yet: ${names}`.slice(0, 512));
  return { slots, ready: condition };
}

function slotReport({ name = '', networkInterfaceRef }: MachineNetworkInterface, machine: Folded, facts: FactsView): SlotReport {
  const nic = networkInterfaceRef?.name;
  if (nic === undefined) return { name, state: 'Pending' };
  const found = liveOnly(facts.get(nicKey(machine.key.namespace ?? '', nic)));
  const holder = found && specOf<NetworkInterfaceSpec>(found.object).machineRef?.uid;
  if (found === undefined || holder !== machine.object.metadata.uid) return { name, state: 'Pending' };
  return { name, state: factsOfNic(found).programmed === true ? 'Attached' : 'Pending', nic };
}

export const machineReactions: readonly Reaction[] = [reportInterfaces];
