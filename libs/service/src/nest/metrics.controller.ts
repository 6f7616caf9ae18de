import { Controller, Get, Header, Inject } from '@nestjs/common';
import { figureFactsOf } from '@weft/api';
import { Gauge, Registry } from 'prom-client';
import type { Platform } from '../platform.ts';
import type { ContextRuntime } from '../runtime/context-runtime.ts';
import { SENDERS, type Sender } from '../writer/senders.ts';
import { addEventLoopFigures } from './event-loop-figures.ts';
import { CONTEXT_RUNTIME, PLATFORM } from './service.tokens.ts';

/** Metrics of one owner service, for Prometheus. They are read at each request. */
@Controller()
export class MetricsController {
  readonly #figures: Registry;

  constructor(@Inject(PLATFORM) platform: Platform, @Inject(CONTEXT_RUNTIME) runtime: ContextRuntime) {
    this.#figures = figuresOf(platform, runtime);
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.#figures.metrics();
  }
}

function figuresOf(
  { follower, bus, domains, eventLoop }: Platform,
  { context, leases, writer, loops, projector }: ContextRuntime,
): Registry {
  const registry = new Registry();
  const figure = (name: string, help: string, read: () => number) => {
    new Gauge({
      name,
      help,
      labelNames: ['context'],
      registers: [registry],
      collect() {
        this.set({ context }, read());
      },
    });
  };
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
  const perSender = (name: string, help: string, read: (sender: Sender) => number) => {
    new Gauge({
      name,
      help,
      labelNames: ['context', 'sender'],
      registers: [registry],
      collect() {
        for (const sender of SENDERS) this.set({ context, sender }, read(sender));
      },
    });
  };
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
  addEventLoopFigures(registry, eventLoop);
  const facts = figureFactsOf(follower);
  for (const { name, help, labels, read } of domains.flatMap((domain) => (domain.context === context ? (domain.figures ?? []) : []))) {
    new Gauge({
      name,
      help,
      labelNames: ['context', ...labels],
      registers: [registry],
      collect() {
        this.reset(); // What is not there any more has no figure.
        for (const sample of read(facts)) this.set({ context, ...sample.labels }, sample.value);
      },
    });
  }
  figure('weft_projector_publishes', '1 while this replica publishes the rows', () => (projector.publishes ? 1 : 0));
  return registry;
}
