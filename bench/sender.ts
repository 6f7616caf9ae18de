/**
 * A process of its own that sends NIC creates over the bus, `inFlight` at a time, and writes what came back as JSON on standard output.
 * Arguments: one JSON object (SenderJob). Each reply counts when it arrives; the owner replies only when the append is durable.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { CommandEnvelope, Reply } from '@weft/api';
import { connectBus, decodeJson, encodeJson, natsTargetOf, partitionOf, subjects } from '@weft/bus';
import { address, nic } from './objects.ts';

export type SenderJob = {
  data: string;
  count: number;
  inFlight: number;
  /** NIC i goes to networks[i mod length]; its address is the i-th. */
  networks: string[];
  prefix: string;
  firstAddress: number;
};
export type SenderResult = { seconds: number; latenciesMs: number[]; refusals: string[]; uids: string[] };

const job = JSON.parse(process.argv[2] ?? '{}') as SenderJob;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const bus = await connectBus({ target: natsTargetOf(join(job.data, 'nats')), name: 'bench-sender', log: silent });
const subject = subjects.command('network', partitionOf('default'));
const latenciesMs = new Array<number>(job.count).fill(0);
const uids = new Array<string>(job.count).fill('');
const refusals: string[] = [];
let next = 0;

async function worker(): Promise<void> {
  while (next < job.count) {
    const index = next++;
    const requestId = randomUUID();
    const networkName = job.networks[index % job.networks.length] as string;
    const envelope: CommandEnvelope = {
      command: {
        verb: 'create',
        kind: 'NetworkInterface',
        namespace: 'default',
        object: nic(`${job.prefix}${index}`, networkName, address(job.firstAddress + index)),
      },
      requestId,
      actor: { user: 'bench', verified: false },
      correlationId: requestId,
      causationId: requestId,
      timeoutMs: 9_000,
    };
    const sent = performance.now();
    const reply = decodeJson(await bus.request(subject, encodeJson(envelope), { timeoutMs: 9_000 }), 'reply') as Reply;
    latenciesMs[index] = performance.now() - sent;
    if (!reply.ok || reply.code !== 201 || reply.repeated) refusals.push(JSON.stringify(reply).slice(0, 300));
    else uids[index] = String((reply.object?.['metadata'] as { uid?: string } | undefined)?.uid);
  }
}

const started = performance.now();
await Promise.all(Array.from({ length: Math.min(job.inFlight, job.count) }, worker));
const seconds = (performance.now() - started) / 1000;
await bus.close();
const result: SenderResult = {
  seconds,
  latenciesMs: latenciesMs.map((value) => Math.round(value * 1000) / 1000),
  refusals: refusals.slice(0, 20),
  uids,
};
process.stdout.write(JSON.stringify(result));
