/**
 * A stand-in for EventStoreDB that speaks its gRPC protocol, built from the client's own service definition, and misbehaves on demand. It
 * imitates what docs/eventstoredb.md tells, so the contract suite passes against it where no server can be had; whether the imitation is
 * true is what the same suite against a live server tells.
 */
import { randomUUID } from 'node:crypto';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';

type StoredRecord = Readonly<{
  stream: string;
  revision: number;
  position: number;
  id: string;
  type: string;
  data: Uint8Array;
  metadata: Uint8Array;
}>;
/** What outlives a restart. */
export type Log = { readonly records: StoredRecord[]; readonly streams: Map<string, StoredRecord[]> };
type AppendCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;
type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;

/** What the server does to the next appends: answer them, write and stay silent, neither write nor answer, refuse as not ready, answer twice. */
export type AppendMood = 'sound' | 'writesSilently' | 'silent' | 'notReady' | 'answersTwice';

const TYPE_URL = 'type.googleapis.com';

export class StubServer {
  /** Listens on loopback; a port of its own choice unless given. */
  static async start(port = 0, log: Log = { records: [], streams: new Map() }): Promise<StubServer> {
    const stub = new StubServer(log);
    stub.#port = await new Promise<number>((resolve, reject) => {
      stub.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    return stub;
  }

  appends: AppendMood = 'sound';
  /** How far its clock is ahead of ours: it refuses appends whose deadline has passed by its own clock (E-40). */
  clockAheadMs = 0;
  /** Reads and subscriptions are accepted and get nothing. */
  reads: 'sound' | 'silent' = 'sound';
  /** What it tells of its cluster. */
  /** Before that it tells nothing. */
  gossipsAfter: Promise<unknown> = Promise.resolve();
  members: readonly Readonly<{ port: number; state: gossip.MemberInfo.VNodeState }>[] = [];
  /** The next subscriptions begin this many events too early. */
  repeatsOnSubscribe = 0;
  /** Subscribers are told that they caught up this many events before the end. */
  goesLiveEarly = 0;
  /** After so many more events its live subscribers are thrown out, in the middle of an append too. */
  throwsOutAfter = Number.POSITIVE_INFINITY;
  /** How often it was asked to subscribe, to read or subscribe, and to append. */
  subscriptions = 0;
  readsSeen = 0;
  appendsSeen = 0;
  gossipsSeen = 0;

  #port = 0;
  readonly #server = new Server();
  readonly log: Log;
  readonly #live = new Set<{ call: ReadCall; stream: string | undefined }>();

  constructor(log: Log) {
    this.log = log;
    this.#server.addService(streamsGrpc.StreamsService, {
      batchAppend: (call: AppendCall) => this.#batchAppend(call),
      read: (call: ReadCall) => this.#read(call),
    } as UntypedServiceImplementation);
    this.#server.addService(gossipGrpc.GossipService, {
      read: (_: ServerUnaryCall<shared.Empty, gossip.ClusterInfo>, answer: sendUnaryData<gossip.ClusterInfo>) => {
        this.gossipsSeen++;
        void this.gossipsAfter.then(() => answer(null, this.#gossip()));
      },
    } as unknown as UntypedServiceImplementation);
    if (log.records.length === 0) this.#add('$settings', randomUUID(), '$metadata', Buffer.from('{}'), Buffer.alloc(0));
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `esdb://127.0.0.1:${this.#port}?tls=false`;
  }

  /** Breaks every connection and stops listening, as a process that is killed does. What was written stays. */
  kill(): void {
    this.#server.forceShutdown();
    this.#live.clear();
  }

  /** The same records on the same port. */
  restart(): Promise<StubServer> {
    return StubServer.start(this.#port, this.log);
  }

  /** Throws every live subscriber out, as it does to those that lag (E-25). */
  throwOut(): void {
    for (const { call } of this.#live) {
      call.emit('error', {
        code: status.ABORTED,
        details: 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.',
      });
    }
    this.#live.clear();
  }

  /** A record of the system's own, as a server writes now and then. */
  writeSystemRecord(): void {
    this.#add('$stats-127.0.0.1', randomUUID(), '$statsCollected', Buffer.from('{}'), Buffer.alloc(0));
  }

  tombstone(stream: string): void {
    this.#tombstones.add(stream);
  }
  readonly #tombstones = new Set<string>();

  #gossip(): gossip.ClusterInfo {
    const info = new gossip.ClusterInfo();
    for (const { port, state } of this.members) {
      const at = new gossip.EndPoint();
      at.setAddress('127.0.0.1');
      at.setPort(port);
      const member = new gossip.MemberInfo();
      member.setHttpEndPoint(at);
      member.setState(state);
      member.setIsAlive(true);
      info.addMembers(member);
    }
    return info;
  }

  // Appending

  #batchAppend(call: AppendCall): void {
    call.on('data', (request: streams.BatchAppendReq) => {
      this.appendsSeen++;
      const mood = this.appends;
      if (mood === 'silent') return;
      const response = mood === 'notReady' ? failure(undefined, 'Server Is Not Ready') : this.#append(request);
      if (mood === 'writesSilently') return;
      response.setCorrelationId(request.getCorrelationId());
      response.setStreamIdentifier(request.getOptions()?.getStreamIdentifier());
      call.write(response);
      if (mood === 'answersTwice') call.write(response);
    });
    call.on('error', () => {});
    call.on('end', () => call.end());
  }

  #append(request: streams.BatchAppendReq): streams.BatchAppendResp {
    const options = request.getOptions() as streams.BatchAppendReq.Options;
    const stream = Buffer.from(options.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
    const deadline = options.getDeadline()?.toDate().getTime() ?? Number.POSITIVE_INFINITY;
    if (deadline < Date.now() + this.clockAheadMs) return failure(undefined, 'Timeout');
    if (this.#tombstones.has(stream)) return failure(['StreamDeleted', new shared.StreamDeleted().serializeBinary()], 'deleted');
    const messages = request.getProposedMessagesList();
    const bytes = messages.reduce(
      (sum, message) =>
        sum +
        (message.getMetadataMap().get('type') ?? '').length * 2 +
        message.getData_asU8().length +
        message.getCustomMetadata_asU8().length,
      0,
    );
    if (bytes > 1_048_576) {
      const tooLarge = new shared.MaximumAppendSizeExceeded();
      tooLarge.setMaxappendsize(1_048_576);
      return failure(['MaximumAppendSizeExceeded', tooLarge.serializeBinary()], 'too large');
    }
    const own = this.#ofStream(stream);
    const actual = own.length - 1;
    const expected = options.hasNoStream() ? -1 : Number(options.getStreamPosition());
    const ids = messages.map((message) => message.getId()?.getString() ?? '');
    if (expected < actual && ids.every((id, i) => own[expected + 1 + i]?.id === id)) {
      return success(actual, own[expected + ids.length]?.position ?? 0); // The revision of a prefix's repeat is not to be relied on.
    }
    if (expected !== actual) {
      const wrong = new shared.WrongExpectedVersion();
      if (actual < 0) wrong.setCurrentNoStream(new empty.Empty());
      else wrong.setCurrentStreamRevision(String(actual));
      if (expected < 0) wrong.setExpectedNoStream(new empty.Empty());
      else wrong.setExpectedStreamPosition(String(expected));
      return failure(['WrongExpectedVersion', wrong.serializeBinary()], 'wrong expected version');
    }
    for (const [i, message] of messages.entries()) {
      this.#add(
        stream,
        ids[i] as string,
        message.getMetadataMap().get('type') ?? '',
        message.getData_asU8(),
        message.getCustomMetadata_asU8(),
      );
    }
    return success(actual + messages.length, (this.log.records.at(-1) as StoredRecord).position);
  }

  #add(stream: string, id: string, type: string, data: Uint8Array, metadata: Uint8Array): void {
    const revision = this.#ofStream(stream).length;
    const last = this.log.records.at(-1);
    const position = last === undefined ? 120 : last.position + 60 + last.data.length + last.metadata.length;
    const record = { stream, revision, position, id, type, data, metadata };
    this.log.records.push(record);
    const own = this.log.streams.get(stream);
    if (own === undefined) this.log.streams.set(stream, [record]);
    else own.push(record);
    for (const live of this.#live) if (accepts(live.stream, record)) live.call.write(toResponse(record));
    if (--this.throwsOutAfter === 0) this.throwOut();
  }

  #ofStream(stream: string): readonly StoredRecord[] {
    return this.log.streams.get(stream) ?? [];
  }

  // Reading

  #read(call: ReadCall): void {
    const options = call.request.getOptions() as streams.ReadReq.Options;
    this.readsSeen++;
    if (this.reads === 'silent') return;
    const subscribing = options.hasSubscription();
    const stream = options.hasStream()
      ? Buffer.from(options.getStream()?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString()
      : undefined;
    const found = stream === undefined ? this.#fromAll(options, subscribing) : this.#fromStream(stream, options, subscribing);
    if (found === 'noRecord') {
      call.emit('error', { code: status.UNKNOWN, details: 'Unexpected ReadAllResult: Error', metadata: new Metadata() });
      return;
    }
    if (found === 'noStream') {
      const missing = new streams.ReadResp.StreamNotFound();
      missing.setStreamIdentifier(options.getStream()?.getStreamIdentifier());
      if (!subscribing) {
        call.write(new streams.ReadResp().setStreamNotFound(missing));
        call.end();
        return;
      }
    }
    const records = found === 'noStream' ? [] : found;
    if (subscribing) {
      this.subscriptions++;
      const confirmation = new streams.ReadResp.SubscriptionConfirmation();
      confirmation.setSubscriptionId(randomUUID());
      call.write(new streams.ReadResp().setConfirmation(confirmation));
    }
    const caughtUp = new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());
    const early = subscribing ? records.length - this.goesLiveEarly : -1;
    for (const [i, record] of records.entries()) {
      if (i === early) call.write(caughtUp);
      call.write(toResponse(record));
    }
    if (!subscribing) {
      call.end();
      return;
    }
    if (found !== 'noStream' && (this.goesLiveEarly === 0 || early < 0)) call.write(caughtUp);
    const live = { call, stream };
    this.#live.add(live);
    call.on('cancelled', () => {
      this.#live.delete(live);
      call.end();
    });
  }

  /** Forwards includes the record it begins with, backwards and subscriptions leave it out (E-17, E-21). */
  #fromAll(options: streams.ReadReq.Options, subscribing: boolean): StoredRecord[] | 'noRecord' {
    const all = options.getAll() as streams.ReadReq.Options.AllOptions;
    const count = subscribing ? Number.POSITIVE_INFINITY : Number(options.getCount());
    const backwards = !subscribing && options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
    let at = backwards || all.hasEnd() ? this.log.records.length : 0;
    const position = all.getPosition();
    if (position !== undefined) {
      const wanted = Number(position.getCommitPosition());
      at = this.log.records.findIndex((record) => record.position === wanted);
      if (at < 0 && wanted <= (this.log.records.at(-1)?.position ?? 0)) return 'noRecord';
      if (at < 0) at = this.log.records.length;
      else if (subscribing) at = Math.max(0, at + 1 - this.repeatsOnSubscribe);
    }
    const records = backwards ? this.log.records.slice(Math.max(0, at - count), at).reverse() : this.log.records.slice(at, at + count);
    return subscribing ? records.filter((record) => accepts(undefined, record)) : records;
  }

  #fromStream(stream: string, options: streams.ReadReq.Options, subscribing: boolean): StoredRecord[] | 'noStream' {
    const own = this.#ofStream(stream);
    if (own.length === 0) return 'noStream';
    const from = options.getStream() as streams.ReadReq.Options.StreamOptions;
    const count = subscribing ? Number.POSITIVE_INFINITY : Number(options.getCount());
    if (!subscribing && options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS) {
      const last = from.hasRevision() ? Math.min(Number(from.getRevision()), own.length - 1) : own.length - 1;
      return own.slice(Math.max(0, last + 1 - count), last + 1).reverse();
    }
    const first = from.hasRevision() ? Number(from.getRevision()) + (subscribing ? 1 : 0) : 0;
    return own.slice(first, first + count);
  }
}

/** The adapter asks for all but the system's own, or for one stream. */
function accepts(stream: string | undefined, record: StoredRecord): boolean {
  return stream === undefined ? !record.type.startsWith('$') : record.stream === stream;
}

function toResponse({ stream, revision, position, id, type, data, metadata }: StoredRecord): streams.ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  const uuid = new shared.UUID();
  uuid.setString(id);
  recorded.setId(uuid);
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  recorded.setStreamIdentifier(identifier);
  recorded.setStreamRevision(String(revision));
  recorded.setCommitPosition(String(position));
  recorded.setPreparePosition(String(position));
  recorded.getMetadataMap().set('type', type).set('content-type', 'application/json').set('created', '17000000000000000');
  recorded.setData(data);
  recorded.setCustomMetadata(metadata);
  const event = new streams.ReadResp.ReadEvent();
  event.setEvent(recorded);
  event.setCommitPosition(String(position));
  return new streams.ReadResp().setEvent(event);
}

function success(revision: number, position: number): streams.BatchAppendResp {
  const at = new shared.AllStreamPosition();
  at.setCommitPosition(String(position));
  at.setPreparePosition(String(position));
  const done = new streams.BatchAppendResp.Success();
  done.setCurrentRevision(String(revision));
  done.setPosition(at);
  return new streams.BatchAppendResp().setSuccess(done);
}

function failure(details: [string, Uint8Array] | undefined, message: string): streams.BatchAppendResp {
  const error = new statusPb.Status();
  error.setMessage(message);
  const packed = new any.Any();
  packed.setTypeUrl(`${TYPE_URL}/event_store.client.${details?.[0] ?? 'Other'}`);
  packed.setValue(details?.[1] ?? new Uint8Array());
  error.setDetails(packed);
  return new streams.BatchAppendResp().setError(error);
}
