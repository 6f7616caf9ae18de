/** A stream of numbered UDP datagrams from one namespace to another, which shows what a fault does to traffic. */
import { until } from '../waiting.ts';
import { Inside } from './inside.ts';
import { must } from './run.ts';

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
}>;

export class Probe {
  readonly #receiver: Inside;
  readonly #sender: Inside;
  readonly #to: string;
  readonly #overflowedBefore: number;

  private constructor(receiver: Inside, sender: Inside, to: string, overflowedBefore: number) {
    this.#receiver = receiver;
    this.#sender = sender;
    this.#to = to;
    this.#overflowedBefore = overflowedBefore;
  }

  /** Resolves when datagrams arrive. `at`: where they are received, if that is not where they are sent to. */
  static async start(
    from: string,
    to: string,
    address: string,
    options: Readonly<{ port?: number; hz?: number; at?: string }> = {},
  ): Promise<Probe> {
    const port = String(options.port ?? 9_000);
    const receiver = Inside.helper(to, 'receive', options.at ?? address, port);
    await receiver.answer('ready');
    const overflowedBefore = await overflows(to);
    const sender = Inside.helper(from, 'send', address, port, String(options.hz ?? 1_000));
    await sender.answer('ready');
    const probe = new Probe(receiver, sender, to, overflowedBefore);
    await until(
      () => `no datagram arrives at ${address}`,
      async () => (await probe.received()) > 0,
    );
    return probe;
  }

  /** Number of datagrams that have arrived, without duplicates. */
  async received(): Promise<number> {
    this.#receiver.write('?\n');
    return (await this.#receiver.answer('received'))['received'] ?? 0;
  }

  /** Stops sending, waits for what is on its way, and ends both helpers. */
  async stop(): Promise<ProbeResult> {
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
    this.#receiver.write('?\n');
    const { received = 0, doubled = 0, reordered = 0, gapMsMax = 0 } = await this.#receiver.answer('received');
    const overflowed = (await overflows(this.#to)) - this.#overflowedBefore;
    await Promise.all([this.#sender.end(), this.#receiver.end()]);
    return { sent, lost: sent - received - overflowed, overflowed, doubled, reordered, gapMsMax };
  }
}

/** Number of datagrams of both families in a namespace that have found a full socket. */
async function overflows(netns: string): Promise<number> {
  const text = await must(netns, ['cat', '/proc/net/snmp', '/proc/net/snmp6']);
  const [names = '', values = ''] = text.split('\n').filter((line) => line.startsWith('Udp: '));
  const v4 = values.split(' ')[names.split(' ').indexOf('RcvbufErrors')];
  const v6 = /^Udp6RcvbufErrors\s+(\d+)$/m.exec(text)?.[1];
  return Number(v4) + Number(v6);
}
