/**
 * A process of its own that sends NIC creates over the bus or HTTP, `inFlight` at a time, and writes what came back as JSON on standard output.
 * Arguments: one JSON object (SenderJob). Each reply counts when it arrives; the owner replies only when the append is durable.
 */
import { inParallel } from '@weft/api';
import { connectTo, replyTo, requestOf } from './control.ts';
import { address, NETWORKING, nic } from './objects.ts';

export type SenderJob = {
  data: string;
  /** URL of the gateway; absent: over the bus. */
  http?: string;
  count: number;
  inFlight: number;
  /** NIC i goes to networks[i mod length]; its address is the i-th. */
  networks: string[];
  prefix: string;
  firstAddress: number;
};
export type SenderResult = { seconds: number; latenciesMs: number[]; refusals: string[]; uids: string[] };

const job = JSON.parse(process.argv[2] ?? '{}') as SenderJob;
const bus = await connectTo(job.data, 'bench-sender');
const latenciesMs = new Array<number>(job.count).fill(0);
const uids = new Array<string>(job.count).fill('');
const refusals: string[] = [];

type Created = Readonly<{ uid: string } | { refused: string }>;

async function overBus(object: ReturnType<typeof nic>): Promise<Created> {
  const reply = await replyTo(bus, 'default', requestOf({ verb: 'create', kind: 'NetworkInterface', namespace: 'default', object }));
  if (!reply.ok || reply.code !== 201 || reply.repeated) return { refused: JSON.stringify(reply).slice(0, 300) };
  return { uid: String((reply.object?.['metadata'] as { uid?: string } | undefined)?.uid) };
}

async function overHttp(object: ReturnType<typeof nic>): Promise<Created> {
  const response = await fetch(`${job.http}${NETWORKING}/networkinterfaces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(object),
  });
  const answer = await response.text();
  if (response.status !== 201) return { refused: `${response.status} ${answer.slice(0, 300)}` };
  return { uid: (JSON.parse(answer) as { metadata: { uid: string } }).metadata.uid };
}

async function create(index: number): Promise<void> {
  const networkName = job.networks[index % job.networks.length] as string;
  const object = nic(`${job.prefix}${index}`, networkName, address(job.firstAddress + index));
  const sent = performance.now();
  const created = await (job.http === undefined ? overBus(object) : overHttp(object));
  latenciesMs[index] = performance.now() - sent;
  if ('uid' in created) uids[index] = created.uid;
  else refusals.push(created.refused);
}

const started = performance.now();
await inParallel([...Array(job.count).keys()], job.inFlight, create);
const seconds = (performance.now() - started) / 1000;
await bus.close();
const result: SenderResult = {
  seconds,
  latenciesMs: latenciesMs.map((value) => Math.round(value * 1000) / 1000),
  refusals: refusals.slice(0, 20),
  uids,
};
process.stdout.write(JSON.stringify(result));
