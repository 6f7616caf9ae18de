/**
 * Says what this process was started with, and notices others that were started with something else (`WEFT_PROVIDER`): they would do the work of a provider
 * that is silent elsewhere, or leave undone what nobody else does.
 */
import { PROVIDERS, type Provider } from '@weft/api';
import { type Bus, BusError, type BusSubscription, decodeJsonObject, encodeJson, subjects } from '@weft/bus';
import type { Clock, Part } from '../platform.ts';

const SAY_EVERY_MS = 2_000;
/** One that has not been heard for so long has ended, or was started anew. */
const FORGET_MS = 10_000;

type Options = Readonly<{ process: string; provider: Provider; bus: Bus; clock: Clock }>;
type Other = Readonly<{ provider: Provider; heardMs: number }>;

export class SameSettings implements Part {
  readonly name = 'settings';
  readonly #options: Options;
  /** By name of the process: those of which the newest that was heard is another setting. */
  readonly #others = new Map<string, Other>();
  #subscription: BusSubscription | undefined;
  #timer: Readonly<{ cancel: () => void }> | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, clock } = this.#options;
    this.#subscription = bus.subscribe(subjects.settings(), ({ data }) => this.#heard(data));
    this.#say();
    this.#timer = clock.every(SAY_EVERY_MS, () => this.#say());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#subscription?.stop();
  }

  problems(): readonly string[] {
    const { process, provider, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    return [...this.#others]
      .filter(([, { heardMs }]) => nowMs - heardMs < FORGET_MS)
      .map(([other, { provider: theirs }]) => {
        return `${process} was started with WEFT_PROVIDER=${provider}, and ${other} with WEFT_PROVIDER=${theirs}: start all of Weft with the same`;
      });
  }

  #say(): void {
    const { process, provider, bus } = this.#options;
    try {
      bus.publish(subjects.settings(), encodeJson({ process, provider }));
    } catch (error) {
      if (!(error instanceof BusError)) throw error; // The bus is away: what was started meanwhile is heard later.
    }
  }

  #heard(data: Uint8Array): void {
    const said = decodeJsonObject(data, 'the settings of a process');
    const theirs = PROVIDERS.find((each) => each === said['provider']);
    if (theirs === undefined || theirs === this.#options.provider) return;
    this.#others.set(String(said['process']), { provider: theirs, heardMs: this.#options.clock.monotonicMs() });
  }
}
