/**
 * Appends over one bidirectional stream, in the order of the calls (eventstoredb E-3), on the connection of the client. The client's own
 * batch append is not used: its map of pending appends is shared by all clients of a process, a reply that comes late ends the process,
 * and so does a connection that breaks while requests wait to be written.
 */
import { randomUUID } from 'node:crypto';
import { unpackToCommandError } from '@eventstore/db-client/dist/streams/appendToStream/unpackError.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { CallOptions, ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import type { Clock, NewEvent, Timer } from '@weft/api';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { UnavailableError } from '../errors.ts';
import type { Connection, Line } from './connection.ts';

type Request = streams.BatchAppendReq;
type Response = streams.BatchAppendResp;
type Call = ClientDuplexStream<Request, Response>;
type StreamsClient = streamsGrpc.StreamsClient;

/** What the client keeps for its own calls and their reconnects; version 6.2.1 is pinned for it. */
type Internals = {
  GRPCStreamCreator<T>(client: typeof streamsGrpc.StreamsClient, name: string, create: (client: StreamsClient) => T): () => Promise<T>;
  callArguments(options: object, callOptions?: CallOptions): [Metadata, CallOptions];
};

type Pending = {
  readonly stream: string;
  readonly resolve: (position: bigint) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: Timer;
};

/** One call on the wire, with what waits for its replies. */
type Open = {
  readonly pending: Map<string, Pending>;
  call: Call | undefined;
  waiting: Request[];
  readonly line: Line;
  heardAtMs: number;
};

export class BatchAppender {
  readonly #connection: Connection;
  readonly #client: Internals;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #open: Open | undefined;

  constructor(connection: Connection, timeoutMs: number, clock: Clock) {
    this.#connection = connection;
    this.#client = connection.client as unknown as Internals;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Resolves with the position that the server names; rejects with errors of the client, or UnavailableError when time is up. */
  append(stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Promise<bigint> {
    const open = (this.#open ??= this.#dial());
    const correlation = randomUUID();
    const request = toRequest(correlation, stream, expected, events);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#timeoutMs, () => this.#timeUp(open, correlation));
      open.pending.set(correlation, { stream, resolve, reject, timer });
      if (open.call === undefined) open.waiting.push(request);
      else open.call.write(request); // Not held back: callers bound what is under way, and order is kept.
    });
  }

  /** Ends the call once what is pending has been answered by somebody else. */
  close(): void {
    this.#open?.call?.end();
    this.#open = undefined;
  }

  #dial(): Open {
    const line = this.#connection.line();
    const open: Open = { pending: new Map(), call: undefined, waiting: [], line, heardAtMs: this.#clock.monotonicMs() };
    const create = this.#client.GRPCStreamCreator(streamsGrpc.StreamsClient, 'appendToStream', (client) => {
      const call = client.batchAppend(...this.#client.callArguments({}, { deadline: Number.POSITIVE_INFINITY })) as unknown as Call;
      call.on('data', (response: Response) => this.#answer(open, response));
      call.on('error', (error: Error) => this.#broken(open, error));
      call.on('end', () => this.#broken(open, new Error('the server ended the call')));
      return call;
    });
    create().then(
      (call) => {
        open.call = call;
        if (this.#open !== open) call.cancel(); // Given up while it was dialled.
        for (const request of open.waiting.splice(0)) call.write(request);
      },
      (error: unknown) => this.#broken(open, error),
    );
    return open;
  }

  #answer(open: Open, response: Response): void {
    this.#connection.heardAtMs = open.heardAtMs = this.#clock.monotonicMs();
    const correlation = uuidText(response.getCorrelationId());
    const pending = open.pending.get(correlation);
    if (pending === undefined) return; // Its time was up.
    open.pending.delete(correlation);
    pending.timer.cancel();
    const error = response.getError();
    if (error !== undefined) pending.reject(unpackToCommandError(error, pending.stream));
    else pending.resolve(BigInt(response.getSuccess()?.getPosition()?.getCommitPosition() ?? 0));
  }

  #broken(open: Open, error: unknown): void {
    if (this.#open === open) this.#open = undefined;
    for (const { reject, timer } of open.pending.values()) {
      timer.cancel();
      reject(error);
    }
    open.pending.clear();
    open.waiting = [];
  }

  /** A server that answered nothing since this append left is frozen: the connection is given up, so that the next call finds another node. */
  #timeUp(open: Open, correlation: string): void {
    const pending = open.pending.get(correlation);
    if (pending === undefined) return;
    open.pending.delete(correlation);
    const reason = `no ${open.line.isOpen() ? 'answer' : 'server that takes appends'} within ${this.#timeoutMs} ms: outcome unknown`;
    pending.reject(new UnavailableError(`append to "${pending.stream}": ${reason}`));
    if (this.#clock.monotonicMs() - open.heardAtMs < this.#timeoutMs) return;
    this.#broken(open, new UnavailableError(reason));
    open.line.giveUp();
    open.call?.cancel();
  }
}

/** Without a deadline: it would be a time of our clock, and a server whose clock is ahead by more would refuse every append as too late (E-40). */
function toRequest(correlation: string, stream: string, expected: bigint | 'none', events: readonly NewEvent[]): Request {
  const options = new streams.BatchAppendReq.Options();
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(new TextEncoder().encode(stream));
  options.setStreamIdentifier(identifier);
  if (expected === 'none') options.setNoStream(new empty.Empty());
  else options.setStreamPosition(expected.toString());
  const request = new streams.BatchAppendReq();
  request.setOptions(options);
  request.setCorrelationId(uuid(correlation));
  request.setProposedMessagesList(events.map(toMessage));
  request.setIsFinal(true);
  return request;
}

function toMessage({ id, type, data, metadata }: NewEvent): streams.BatchAppendReq.ProposedMessage {
  const message = new streams.BatchAppendReq.ProposedMessage();
  message.setId(uuid(id));
  message.getMetadataMap().set('type', type).set('content-type', 'application/json');
  message.setData(Buffer.from(JSON.stringify(data)));
  message.setCustomMetadata(Buffer.from(JSON.stringify(metadata)));
  return message;
}

function uuid(text: string): shared.UUID {
  const message = new shared.UUID();
  message.setString(text);
  return message;
}

/** The server answers in either form. */
function uuidText(message: shared.UUID | undefined): string {
  const structured = message?.getStructured();
  if (structured === undefined) return message?.getString() ?? '';
  const hex = (bits: string) => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, '0');
  const text = hex(structured.getMostSignificantBits()) + hex(structured.getLeastSignificantBits());
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
