/** Sends traces of changes to a collector: OTLP over HTTP, in JSON. What the collector does not take is lost, and counted. */
import type { Clock, Timer } from '@weft/api';
import type { Logger } from '@weft/service';
import type { OtlpConfig } from '../config.ts';
import type { TrackedChange } from '../convergence/tracked-change.ts';
import { isSampled, type Span, spansOf } from './spans.ts';

const EVERY_MS = 1_000;
const SPANS_AT_ONCE = 512;
const WAITING_MAX = 8_192;
const ANSWER_MS_MAX = 5_000;

export class TraceExport {
  readonly #config: OtlpConfig;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #waiting: Span[] = [];
  readonly #timer: Timer;
  #sending: Promise<void> | undefined;
  #failed = false;
  /** Spans that were not taken, since the start. */
  lost = 0;

  constructor(config: OtlpConfig, { clock, log }: Readonly<{ clock: Clock; log: Logger }>) {
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
    this.#timer = clock.every(EVERY_MS, () => void this.#send(), { background: true });
  }

  /** `lack`: what is missing, of a change that has not arrived. */
  take(change: TrackedChange, lack?: string): void {
    if (!isSampled(change)) return;
    this.#waiting.push(...spansOf(change, this.#clock.now().getTime(), lack));
    const over = this.#waiting.length - WAITING_MAX;
    if (over > 0) this.lost += this.#waiting.splice(0, over).length;
  }

  /** Sends what waits, once. */
  async stop(): Promise<void> {
    this.#timer.cancel();
    await this.#sending;
    await this.#send();
  }

  #send(): Promise<void> {
    if (this.#waiting.length === 0) return this.#sending ?? Promise.resolve();
    this.#sending ??= this.#post(this.#waiting.splice(0, SPANS_AT_ONCE)).finally(() => (this.#sending = undefined));
    return this.#sending;
  }

  async #post(spans: readonly Span[]): Promise<void> {
    const { url, headers, service } = this.#config;
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
    const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'weft' }, spans }] }] });
    try {
      const signal = AbortSignal.timeout(ANSWER_MS_MAX);
      const response = await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body, signal });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the collector answers ${response.status}`);
      this.#failed = false;
    } catch (error) {
      this.lost += spans.length;
      if (!this.#failed) this.#log.warn({ err: error, url }, 'traces could not be sent');
      this.#failed = true;
    }
  }
}
