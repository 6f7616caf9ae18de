/**
 * A subscriber in a process of its own, to be killed at any instant: writes down each event before it acknowledges it.
 *
 *   follower.ts sse|nats|grpc <file> <settings as JSON>
 *
 * Over SSE and from NATS with @weft/client and its checkpoint; over gRPC by hand, behind the last event in its file.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { systemClock } from '@weft/api';
import { natsBus, subscribe, type WeftEvent } from '@weft/client';
import protobuf from 'protobufjs';

export type FollowerSettings = Readonly<{ servers: readonly string[]; grpc: readonly string[]; nats: string; token: string; kind: string }>;

const [way = '', file = '', json = '{}'] = process.argv.slice(2);
const { servers, grpc, nats, token, kind } = JSON.parse(json) as FollowerSettings;

appendFileSync(file, 'begins\n');
const note = ({ subject, cursor, id }: Pick<WeftEvent, 'subject' | 'cursor' | 'id'>) =>
  appendFileSync(file, `${subject} ${cursor} ${id}\n`);

if (way === 'grpc') await followGrpc();
else {
  const bus = way === 'nats' ? { bus: await busOnceThere() } : {};
  const options = { server: servers, checkpoint: way, from: '0', checkpointEveryMs: 50, atOnce: 4, filter: { kinds: [kind] } };
  await subscribe({ ...options, ...bus, handle: note }).ended;
}

/** The server may just be starting anew. */
async function busOnceThere() {
  for (;;) {
    try {
      return await natsBus({ servers: nats, token });
    } catch {
      await systemClock.pause(100);
    }
  }
}

async function followGrpc(): Promise<void> {
  type Stub = Client & Readonly<{ Follow: (request: object) => AsyncIterable<Readonly<{ what: string; id: string; json: string }>> }>;
  const proto = await protoOnceThere();
  const definition = fromJSON(protobuf.parse(proto, { keepCase: true }).root.toJSON(), { enums: String, defaults: true });
  const { weft } = loadPackageDefinition(definition) as unknown as { weft: { v1: { Events: new (...args: unknown[]) => Stub } } };
  let from = lastIn(file) ?? '0';
  for (let turn = 0; ; turn++) {
    const stub = new weft.v1.Events(grpc[turn % grpc.length], credentials.createInsecure());
    try {
      for await (const { what, id, json: event } of stub.Follow({ from, kinds: [kind] })) {
        if (what === 'EVENT') note(JSON.parse(event));
        from = id;
      }
    } catch {
      // It goes on at the other door.
    }
    stub.close();
    await systemClock.pause(100);
  }
}

async function protoOnceThere(): Promise<string> {
  for (let turn = 0; ; turn++) {
    try {
      const answer = await fetch(`${servers[turn % servers.length]}/weft/v1/weft.proto`);
      if (answer.ok) return await answer.text();
    } catch {
      // Nobody is there now.
    }
    await systemClock.pause(100);
  }
}

/** The cursor of the last line that is whole. */
function lastIn(name: string): string | undefined {
  const lines = readFileSync(name, 'utf8').split('\n').slice(0, -1);
  return lines.findLast((line) => line !== 'begins')?.split(' ')[1];
}
