import { Controller, Get, Inject, Res } from '@nestjs/common';
import { addEventLoopFigures } from '@weft/service';
import type { FastifyReply } from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { GATEWAY, type GatewayContext } from '../context.ts';

/** Metrics of the gateway's process, for Prometheus. They are read at each request. */
@Controller()
export class MetricsController {
  readonly #figures: Registry;

  constructor(@Inject(GATEWAY) { platform, watches, events }: GatewayContext) {
    const { follower, bus, eventLoop } = platform;
    this.#figures = new Registry();
    this.#add('weft_log_position', 'Position up to which the log was folded', () => Number(follower.position));
    this.#add('weft_bus_connected', '1 while the bus is connected', () => (bus.connected ? 1 : 0));
    this.#add('weft_watches_open', 'Watches that are being served', () => watches.count);
    this.#add('weft_event_streams_open', 'Streams of events that are being served', () => events.count);
    addEventLoopFigures(this.#figures, eventLoop);
  }

  @Get('metrics')
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    void reply.header('content-type', this.#figures.contentType).send(await this.#figures.metrics());
  }

  #add(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#figures],
      collect() {
        this.set(read());
      },
    });
  }
}
