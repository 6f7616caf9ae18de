/** A stream of numbered UDP datagrams from one namespace to another, and perhaps back, which shows what a fault does to traffic. */
import { until } from '../waiting.ts';
import { Inside } from './inside.ts';

/** Datagrams in a row of which some did not arrive, or overflowed. */
export type ProbeGap = Readonly<{
  /** Numbers of the datagrams, as they were sent. */
  first: number;
  last: number;
  /** Of these, how many did not arrive. */
  lost: number;
  /** Time between the one that arrived before and the one after. */
  ms: number;
  /** When the one after arrived, or the probe ended (Unix time). */
  untilMs: number;
}>;

export type ProbeResult = Readonly<{
  sent: number;
  /** Number of datagrams that were neither received nor overflowed. */
  lost: number;
  /** Number of datagrams that the network delivered but that found a full socket, since the machine was too busy to run the receiver. */
  overflowed: number;
  doubled: number;
  reordered: number;
  /** Longest time without a datagram. */
  gapMsMax: number;
  /** In order, a thousand at most. */
  gaps: readonly ProbeGap[];
}>;

export class Probe {
  readonly #receiver: Inside;
  readonly #sender: Inside;
  /** Counts: of what was sent, or of answers to it. */
  readonly #counter: Inside;
  #result: Promise<ProbeResult> | undefined;

  private constructor(receiver: Inside, sender: Inside, counter: Inside) {
    this.#receiver = receiver;
    this.#sender = sender;
    this.#counter = counter;
  }

  /**
   * Resolves when datagrams arrive. `at`: where they are received, if that is not where they are sent to. `answered`: each is sent back, and counts once it has
   * come back. `ownPort`: of the sender. `limitMs`: rejects when none has arrived by then.
   */
  static async start(
    from: string,
    to: string,
    address: string,
    options: Readonly<{ port?: number; hz?: number; at?: string; answered?: boolean; ownPort?: number; limitMs?: number }> = {},
  ): Promise<Probe> {
    const port = String(options.port ?? 9_000);
    const receiver = Inside.helper(to, options.answered === true ? 'echo' : 'receive', options.at ?? address, port);
    await receiver.answer('ready');
    const sender = Inside.helper(from, 'send', address, port, String(options.hz ?? 1_000), String(options.ownPort ?? 0));
    await sender.answer('ready');
    const probe = new Probe(receiver, sender, options.answered === true ? sender : receiver);
    try {
      await until(
        () => `no datagram arrives at ${address}`,
        async () => (await probe.received()) > 0,
        options.limitMs,
      );
    } catch (error) {
      await probe.#end();
      throw error;
    }
    return probe;
  }

  /** Number of datagrams that have arrived, without duplicates. */
  async received(): Promise<number> {
    this.#counter.write('?\n');
    return (await this.#counter.answer('received'))['received'] ?? 0;
  }

  /** Stops sending, waits for what is on its way, and ends both helpers. A repeat gives the same. */
  stop(): Promise<ProbeResult> {
    this.#result ??= this.#stop();
    return this.#result;
  }

  async #stop(): Promise<ProbeResult> {
    this.#sender.write('stop\n');
    const { sent = 0 } = await this.#sender.answer('sent');
    // On one machine no datagram is under way for long: when the number has not changed between two checks, the rest is lost.
    let before = -1;
    await until(
      'datagrams keep arriving',
      async () => {
        const now = await this.received();
        const still = now === before || now >= sent;
        before = now;
        return still;
      },
      20_000,
      100,
    );
    this.#counter.write('?\n');
    const {
      received = 0,
      doubled = 0,
      reordered = 0,
      gapMsMax = 0,
      overflowed: own = 0,
      highest = -1,
    } = await this.#counter.answer('received');
    this.#counter.write('gaps\n');
    const { gaps = [] } = await this.#counter.answer<ProbeGap[]>('gaps');
    if (highest + 1 < sent) gaps.push({ first: highest + 1, last: sent - 1, lost: sent - 1 - highest, ms: 0, untilMs: Date.now() });
    const overflowed = own + (this.#counter === this.#receiver ? 0 : await this.#overflowedAtReceiver());
    await this.#end();
    return { sent, lost: sent - received - overflowed, overflowed, doubled, reordered, gapMsMax, gaps };
  }

  async #end(): Promise<void> {
    await Promise.all([this.#sender.end(), this.#receiver.end()]);
  }

  async #overflowedAtReceiver(): Promise<number> {
    this.#receiver.write('?\n');
    return (await this.#receiver.answer('overflowed'))['overflowed'] ?? 0;
  }
}
