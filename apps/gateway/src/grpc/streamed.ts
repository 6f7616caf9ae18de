/**
 * Messages of streams, made of what streams of HTTP write. They are encoded here: a piece that many subscribers are sent is encoded once for all of them, and
 * the transport (`passingBytes`) sends these bytes as they are.
 */
import type { MethodDefinition, PackageDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { WEFT_PROTO } from './weft.proto.ts';

/** A text, or the bytes of one, which others may be sent as well. */
export type Piece = string | Uint8Array;

/** Encoded messages. */
export type Messages = readonly Uint8Array[];

const types = protobuf.parse(WEFT_PROTO, { keepCase: true }).root;
const [event, watchEvent] = [types.lookupType('weft.v1.Event'), types.lookupType('weft.v1.WatchEvent')];
const What = event.lookupEnum('What').values;
const WHAT: Readonly<Record<string, number | undefined>> = { 'caught-up': What['CAUGHT_UP'], progress: What['PROGRESS'] };

/** Of frames of server-sent events; only whole ones. */
export const eventMessages = shared((text) => eventsOf(text).map((each) => event.encode(each).finish()));

/** Of one message, so that it stays below the 4 MiB that gRPC clients take by default, also where one event is as large as an event can be. */
const BATCH_LENGTH_MAX = 1_000_000;

/** The same, as many as may be in one message. */
export const eventBatches = shared((text) => {
  const batches: (readonly ToldEvent[])[] = [];
  let [batch, length]: [ToldEvent[], number] = [[], 0];
  for (const each of eventsOf(text)) {
    if (batch.length > 0 && length + each.json.length > BATCH_LENGTH_MAX) {
      batches.push(batch);
      [batch, length] = [[], 0];
    }
    batch.push(each);
    length += each.json.length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches.map((events) => event.encode({ events }).finish());
});

/** Of lines of a watch; only whole ones. */
export const watchMessages = shared((text) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { type, object } = JSON.parse(line) as { type: string; object: unknown };
      return watchEvent.encode({ type, json: JSON.stringify(object) }).finish();
    }),
);

/** Has streams send what is encoded already. */
export function passingBytes(definition: PackageDefinition): PackageDefinition {
  for (const service of Object.values(definition))
    for (const method of Object.values(service) as MethodDefinition<object, object>[]) {
      const { responseStream, responseSerialize } = method;
      if (responseStream) method.responseSerialize = (message) => (Buffer.isBuffer(message) ? message : responseSerialize(message));
    }
  return definition;
}

type ToldEvent = Readonly<{ what: number; id: string; json: string }>;

function eventsOf(frames: string): readonly ToldEvent[] {
  return frames.split('\n\n').flatMap((frame) => {
    const { id = '', event: told = '', data } = fieldsOf(frame);
    return data === undefined ? [] : [{ what: WHAT[told] ?? 0, id, json: data }];
  });
}

function fieldsOf(frame: string): Partial<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const line of frame.split('\n')) {
    const colon = line.indexOf(': ');
    fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return fields;
}

/** Bytes are shared by identity, and kept as long as whoever shares them keeps them. */
function shared(make: (text: string) => Messages): (piece: Piece) => Messages {
  const made = new WeakMap<Uint8Array, Messages>();
  return (piece) => {
    if (typeof piece === 'string') return make(piece);
    let messages = made.get(piece);
    if (messages === undefined) made.set(piece, (messages = make(Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString())));
    return messages;
  };
}
