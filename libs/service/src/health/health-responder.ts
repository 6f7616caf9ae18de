/** Answers `weft.health.<service>` with what is wrong with this service and which replica holds what, for the gateway's `/readyz`, and with the log that it works on, for agents. */
import { type Bus, type BusSubscription, encodeJson, subjects } from '@weft/bus';
import type { Held } from '../lease/leases.ts';
import type { Part } from '../platform.ts';

export class HealthResponder implements Part {
  readonly name = 'health';
  readonly #service: string;
  readonly #bus: Bus;
  readonly #problems: () => readonly string[];
  readonly #storeId: string | undefined;
  readonly #replicas: (() => readonly Held[]) | undefined;
  #subscription: BusSubscription | undefined;

  constructor(service: string, bus: Bus, problems: () => readonly string[], storeId?: string, replicas?: () => readonly Held[]) {
    this.#service = service;
    this.#bus = bus;
    this.#problems = problems;
    this.#storeId = storeId;
    this.#replicas = replicas;
  }

  async start(): Promise<void> {
    this.#subscription = this.#bus.serve(subjects.health(this.#service), () =>
      encodeJson({
        service: this.#service,
        problems: [...this.#problems()],
        ...(this.#storeId === undefined ? {} : { storeId: this.#storeId }),
        ...(this.#replicas === undefined ? {} : { replicas: this.#replicas() }),
      }),
    );
  }

  async stop(): Promise<void> {
    await this.#subscription?.stop();
  }

  problems(): readonly string[] {
    return [];
  }
}
