/**
 * The bus port: at-most-once messages, request/reply. Core NATS in production, an in-memory twin for fast tests, one contract suite for both.
 * No message here is the only copy of something that must survive: correctness rests on the log, revs, digests and request ids.
 */

export type Message = Readonly<{ subject: string; data: Uint8Array }>;
export type Handler = (message: Message) => void;
/** The returned bytes are the reply. When it throws, that is logged and the request gets no answer: handlers turn faults into replies themselves. */
export type Responder = (message: Message) => Uint8Array | Promise<Uint8Array>;

export type ServeOptions = Readonly<{
  /** One of all servers with the same subject and queue answers a request. Without it all run and the first answer counts. */
  queue?: string;
  /** Responders that run at once; default 1024. Further requests wait in order. */
  concurrencyMax?: number;
  /** Requests that wait; default 4096. One more is not carried out. */
  waitingMax?: number;
  /** The reply to a request that found the queue full. Without it such a request gets no answer (and a log line). */
  overloaded?: (message: Message) => Uint8Array;
}>;

export interface BusSubscription {
  /** Stops delivery; in-flight responders finish. A repeat does nothing. */
  stop(): Promise<void>;
}

export interface Bus {
  /**
   * While the connection is down the message is dropped, never kept. Throws PayloadTooLargeError, BusClosedError, and a TypeError for a subject
   * that is not one.
   */
  publish(subject: string, data: Uint8Array): void;
  /** `*` and `>` as in NATS. Survives reconnects. */
  subscribe(subject: string, handler: Handler): BusSubscription;
  /** Answers requests; with `queue`, one of the group answers. Survives reconnects. */
  serve(subject: string, responder: Responder, options?: ServeOptions): BusSubscription;
  /** Rejects with a BusError; never later than `timeoutMs`. Nothing is kept for later: a request while the connection is down ends at once. */
  request(subject: string, data: Uint8Array, options: Readonly<{ timeoutMs: number }>): Promise<Uint8Array>;
  /**
   * Resolves when the server has seen everything published and subscribed before. Rejects with BusDownError when the connection is down or breaks.
   */
  flush(): Promise<void>;
  /**
   * Whether somebody may be subscribed to a subject that begins with these whole tokens. Sees every subscription that the server knew when it was
   * called. True also where that cannot be told, as of most servers of NATS, and for a second after the last one has left. Never rejects.
   */
  isHeard(prefix: string): Promise<boolean>;
  readonly connected: boolean;
  /** Called on each change, also at once with the present state. Returns its removal. */
  onConnection(listener: (connected: boolean) => void): () => void;
  /** Takes no more, lets running responders and own requests end (bounded), sends what is left, closes. A repeat waits for the first. */
  close(): Promise<void>;
}
