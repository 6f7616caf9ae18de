/** Sends commands over the bus as an agent would; `Control` sets up a world before it is measured. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Command, type CommandEnvelope, type Context, inParallel, partitionOf, type Reply } from '@weft/api';
import { connectBus, decodeJson, encodeJson, type NatsBus, natsTargetOf, subjects } from '@weft/bus';
import { machine } from './objects.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function connectTo(data: string, name: string): Promise<NatsBus> {
  return connectBus({ target: natsTargetOf(join(data, 'nats')), name, log: silent });
}

/** One request to the owner of a context, as it travels. `after`: the highest position that the sender has seen. */
export function requestOf(command: Command, after?: bigint): Uint8Array {
  const requestId = randomUUID();
  const actor = { user: 'bench', verified: false };
  return encodeJson({
    command,
    requestId,
    actor,
    correlationId: requestId,
    causationId: requestId,
    timeoutMs: TIMEOUT_MS,
    ...(after !== undefined && { after: after.toString() }),
  } satisfies CommandEnvelope);
}

export async function replyTo(bus: NatsBus, partitionKey: string, request: Uint8Array, context: Context = 'network'): Promise<Reply> {
  const subject = subjects.command(context, partitionOf(partitionKey));
  return decodeJson(await bus.request(subject, request, { timeoutMs: TIMEOUT_MS }), 'reply') as Reply;
}

const TIMEOUT_MS = 9_000;
const PATIENCE_MS = 60_000;
const SLOTS = 100;

type Created = Readonly<{ metadata: Readonly<{ namespace?: string; name: string }> }>;

export class Control {
  readonly #bus: NatsBus;
  /** What it sends rests on all that it was told was done. */
  #seen = 0n;

  private constructor(bus: NatsBus) {
    this.#bus = bus;
  }

  static async connect(data: string): Promise<Control> {
    return new Control(await connectTo(data, 'bench-control'));
  }

  async send(partitionKey: string, command: Command, context?: Context): Promise<Extract<Reply, { ok: true }>> {
    const request = requestOf(command, this.#seen);
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const reply = await replyTo(this.#bus, partitionKey, request, context).catch((error: Error) => error);
      if (!(reply instanceof Error) && reply.ok) {
        if (BigInt(reply.position) > this.#seen) this.#seen = BigInt(reply.position);
        return reply;
      }
      // Much work fills the owner's queue; it says so, or answers too late. The same request may come again, and has one outcome.
      const isFinal = !(reply instanceof Error) && reply.retry !== 'safe';
      if (isFinal || performance.now() > deadline)
        throw new Error(`${command.verb}: ${reply instanceof Error ? reply.message : reply.status.message}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async create(kind: string, object: Created, context?: Context): Promise<void> {
    const { namespace } = object.metadata;
    await this.send(
      namespace ?? object.metadata.name,
      { verb: 'create', kind, ...(namespace && { namespace }), object: object as never },
      context,
    );
  }

  /** Machines that have these interfaces of namespace `default`, a hundred each, on a host. */
  async place(host: string, nics: readonly string[]): Promise<void> {
    const firsts = [...nics.keys()].filter((index) => index % SLOTS === 0);
    await inParallel(firsts, 4, async (first) => {
      const slots = nics.slice(first, first + SLOTS);
      await this.create('Machine', machine(`of-${slots[0]}`, host, slots));
    });
  }

  async close(): Promise<void> {
    await this.#bus.close();
  }
}
