/** What a service adds to the figures of its process: of its writer, loops and rows, and of what its domain has given out. */
import { figureFactsOf, type Sample } from '@weft/api';
import type { Platform } from '../platform.ts';
import type { ContextRuntime } from '../runtime/context-runtime.ts';
import { SENDERS, type Sender } from '../writer/senders.ts';

export function addServiceFigures(
  { figures, follower, bus, domains }: Platform,
  { context, leases, writer, loops, projector }: ContextRuntime,
): void {
  const figure = (name: string, help: string, read: () => number) =>
    figures.add(name, help, ['context'], () => [{ labels: { context }, value: read() }]);
  figure('weft_log_position', 'Position up to which the log was folded', () => Number(follower.position));
  figure('weft_log_foreign_appends', 'Appends to streams that are not of Weft, passed over', () => follower.passedOver.foreign);
  figure(
    'weft_log_unknown_kind_appends',
    'Appends to objects of kinds that this version does not know, passed over',
    () => follower.passedOver.unknownKind,
  );
  figure(
    'weft_objects_unreadable',
    'Objects that can only be read, since their stream cannot be folded',
    () => follower.passedOver.unreadable,
  );
  figure('weft_bus_connected', '1 while the bus is connected', () => (bus.connected ? 1 : 0));
  figure('weft_partitions_held', 'Partitions that this replica holds', () => leases.partitions.length);
  figure('weft_leases_suspended', '1 while this replica cannot prove its leases: refusals are answered as unavailable', () =>
    leases.isSuspended ? 1 : 0,
  );
  const perSender = (name: string, help: string, read: (sender: Sender) => number) =>
    figures.add(name, help, ['context', 'sender'], () =>
      SENDERS.map((sender): Sample => ({ labels: { context, sender }, value: read(sender) })),
    );
  perSender('weft_commands_in_flight', 'Commands under way', (sender) => writer.inFlight(sender));
  perSender(
    'weft_commands_late',
    'Commands whose time was up before the store has answered, and whose outcome is not known yet',
    (sender) => writer.late(sender),
  );
  figure('weft_commands_accepted', 'Commands carried out since the start', () => writer.counts.accepted);
  figure('weft_commands_refused', 'Commands refused since the start', () => writer.counts.refused);
  figure('weft_commands_failed', 'Commands that failed or whose outcome is unknown, since the start', () => writer.counts.failed);
  figure('weft_loops_asked', 'How often loops were asked what they owe, since the start', () => loops.counts.asked);
  figure('weft_loops_to_ask', 'Keys that loops have to be asked about', () => loops.toAsk);
  figure('weft_loops_waiting', 'Keys under which something is owed and not sent', () => loops.waiting);
  figure('weft_loops_commands', 'Commands that loops have sent since the start', () => loops.counts.commands);
  figure('weft_loops_refused', 'Commands of loops that were refused or failed, since the start', () => loops.counts.refused);
  figure('weft_loops_unsettled', 'Keys under which something is owed still after its command', () => loops.unsettled);
  figure(
    'weft_loops_missed',
    'Keys that a loop was not asked about when it should have been, since the start: a bug',
    () => loops.counts.missed,
  );
  figure('weft_projector_publishes', '1 while this replica publishes the rows', () => (projector.publishes ? 1 : 0));
  figure('weft_projector_begins', '1 while the rows of what was there at the start are still being made', () =>
    projector.isSeeded ? 0 : 1,
  );
  const facts = figureFactsOf(follower);
  for (const { name, help, labels, read } of domains.flatMap((domain) => (domain.context === context ? (domain.figures ?? []) : []))) {
    figures.add(name, help, ['context', ...labels], () =>
      Array.from(read(facts), ({ labels: own, value }) => ({ labels: { context, ...own }, value })),
    );
  }
}

/** Where the log ends, and how far this process has read it. */
export function addLogFigures({ figures, store, follower }: Pick<Platform, 'figures' | 'store' | 'follower'>): void {
  figures.add('weft_log_head', 'Position of the last event of the log', [], async () => Number(await store.head()));
  figures.add('weft_log_read', 'Position up to which this process has read the log', [], () => Number(follower.position));
}
