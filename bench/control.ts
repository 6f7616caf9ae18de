/** Sends commands over the bus as an agent would; used to set up a world before it is measured. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Command, CommandEnvelope, Reply } from '@weft/api';
import { connectBus, decodeJson, encodeJson, type NatsBus, natsTargetOf, partitionOf, subjects } from '@weft/bus';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

const ATTEMPTS_MAX = 600;

export class Control {
  private constructor(private readonly bus: NatsBus) {}

  static async connect(data: string): Promise<Control> {
    return new Control(await connectBus({ target: natsTargetOf(join(data, 'nats')), name: 'bench-control', log: silent }));
  }

  async send(partitionKey: string, command: Command): Promise<Extract<Reply, { ok: true }>> {
    const requestId = randomUUID();
    const envelope: CommandEnvelope = {
      command,
      requestId,
      actor: { user: 'bench', verified: false },
      correlationId: requestId,
      causationId: requestId,
      timeoutMs: 9_000,
    };
    const subject = subjects.command('network', partitionOf(partitionKey));
    for (let attempt = 0; ; attempt++) {
      const reply = decodeJson(await this.bus.request(subject, encodeJson(envelope), { timeoutMs: 9_000 }), 'reply') as Reply;
      if (reply.ok) return reply;
      // Setting up a large world fills the owner's queue; it says so, and the same request may come again.
      if (reply.retry !== 'safe' || attempt === ATTEMPTS_MAX) throw new Error(`${command.verb}: ${reply.status.message}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** A host without an agent: it holds interfaces that are remote to the measured one. */
  async registerHost(name: string, underlay: string): Promise<void> {
    await this.send('Host', {
      verb: 'act',
      key: { kind: 'Host', name },
      action: 'RegisterHost',
      payload: { underlay, driver: 'simulated', version: 'bench', startedAt: new Date().toISOString(), agent: randomUUID() },
    });
  }

  async create(kind: string, object: { [key: string]: unknown }): Promise<void> {
    await this.send('default', { verb: 'create', kind, namespace: 'default', object: object as never });
  }

  async close(): Promise<void> {
    await this.bus.close();
  }
}

/** Runs `work` for 0 … count-1, `width` at a time. */
export async function inParallel(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}
