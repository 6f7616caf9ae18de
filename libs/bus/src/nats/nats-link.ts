/** One connection to a NATS server, with all that begins and ends with it: requests in flight, a count of unconfirmed bytes, pings of the peer. */
import { createInbox, type Msg, type NatsConnection, type Subscription, type SubscriptionOptions } from '@nats-io/transport-node';
import type { Clock, Timer } from '@weft/api';
import { BusDownError, PayloadTooLargeError } from '../errors.ts';
import type { BusLog } from '../log.ts';
import { Requests } from './requests.ts';

export type NatsLinkOptions = Readonly<{
  clock: Clock;
  log: BusLog;
  /** Between pings of a connection. */
  pingMs: number;
  /** A ping without pong for so long means the connection is gone. */
  pongMs: number;
}>;

/** Bytes handed over and not yet confirmed by the server; beyond it messages are dropped as if the connection were down. */
const UNCONFIRMED_BYTES_MAX = 64 * 1024 * 1024;
const CONFIRM_EACH_BYTES = 1024 * 1024;
/** What a message costs beside its data and subject, roughly. */
const OVERHEAD_BYTES = 32;

type Outgoing = Readonly<{ subject: string; data: Uint8Array; replyTo: string | undefined }>;

export class NatsLink {
  readonly server: string;
  readonly requests: Requests;
  /** Resolves when the link is over. */
  readonly over: Promise<void>;
  readonly #nc: NatsConnection;
  readonly #options: NatsLinkOptions;
  readonly #payloadBytesMax: number;
  /** Called when the link is over: the pongs that they wait for never come. */
  readonly #onEnd = new Set<() => void>();
  /** Sent in this turn of the event loop, and written at its end: one write of many messages costs little more than one of one. */
  #outgoing: Outgoing[] = [];
  #unconfirmedBytes = 0;
  #bytesSinceConfirm = 0;
  #isOver = false;
  #resolveOver: () => void = () => {};
  #watchTimer: Timer | undefined;

  constructor(nc: NatsConnection, server: string, options: NatsLinkOptions) {
    this.#nc = nc;
    this.server = server;
    this.#options = options;
    this.#payloadBytesMax = nc.info?.max_payload ?? 1024 * 1024;
    this.requests = new Requests(createInbox(), options.clock);
    this.over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
    void nc.closed().then(() => this.end());
  }

  /** Starts to take answers to requests, and to ping the peer. */
  begin(): void {
    const { log } = this.#options;
    this.#nc.subscribe(this.requests.pattern, {
      callback: (error, message) => {
        if (error !== null) log.error({ err: error }, 'the bus refused the inbox');
        else this.requests.take(message.subject, message.data, isNoResponders(message));
      },
    });
    this.#pingLater();
  }

  /** Undefined when the connection is closed: the next one gets the subscription. */
  subscribe(pattern: string, options: SubscriptionOptions): Subscription | undefined {
    this.#write(); // What was sent before is not for it.
    return this.#nc.isClosed() ? undefined : this.#nc.subscribe(pattern, options);
  }

  /** False when the link is over or choked: the message was certainly not sent. Throws a PayloadTooLargeError. */
  send(subject: string, data: Uint8Array, replyTo?: string): boolean {
    if (data.length > this.#payloadBytesMax) {
      throw new PayloadTooLargeError(`${subject}: a message of ${data.length} bytes; the bus takes ${this.#payloadBytesMax} at most`);
    }
    if (this.#isOver || this.#nc.isClosed() || this.#unconfirmedBytes > UNCONFIRMED_BYTES_MAX) return false;
    if (this.#outgoing.length === 0) this.#options.clock.soon(() => this.#write());
    this.#outgoing.push({ subject, data, replyTo });
    this.#bytesSinceConfirm += data.length + subject.length + OVERHEAD_BYTES;
    if (this.#bytesSinceConfirm >= CONFIRM_EACH_BYTES) this.#countUntilConfirmed();
    return true;
  }

  #write(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    if (this.#isOver || this.#nc.isClosed()) return;
    for (const { subject, data, replyTo } of outgoing)
      this.#nc.publish(subject, data, replyTo === undefined ? undefined : { reply: replyTo });
  }

  /** Resolves at the server's pong; rejects with a BusDownError when the link is over first. */
  confirmed(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => {
        this.#onEnd.delete(fail);
        reject(new BusDownError('the connection to the bus broke'));
      };
      if (this.#nc.isClosed()) {
        fail();
        return;
      }
      this.#onEnd.add(fail);
      this.#write();
      this.#nc.flush().then(() => {
        this.#onEnd.delete(fail);
        resolve();
      }, fail);
    });
  }

  /** The link is over from now on, without waiting for a peer that may be frozen. A repeat does nothing. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watchTimer?.cancel();
    this.#resolveOver();
    for (const each of this.#onEnd) each();
    this.#onEnd.clear();
  }

  /** Gives up what waits for answers and closes the socket. */
  close(reason: string): void {
    this.end();
    this.requests.abandon(reason);
    this.#nc.close().catch(() => {});
  }

  #countUntilConfirmed(): void {
    const bytes = this.#bytesSinceConfirm;
    this.#bytesSinceConfirm = 0;
    this.#unconfirmedBytes += bytes;
    const confirmed = () => {
      this.#unconfirmedBytes -= bytes;
    };
    this.confirmed().then(confirmed, () => {});
  }

  #pingLater(): void {
    if (this.#isOver) return;
    this.#watchTimer = this.#options.clock.after(this.#options.pingMs, () => this.#ping());
  }

  /** A frozen server, or a path that swallows everything, closes nothing: only a missing pong shows it. */
  #ping(): void {
    const { clock, log, pongMs } = this.#options;
    let answered = false;
    const giveUp = () => {
      if (answered || this.#isOver) return;
      log.warn({ server: this.server, pongMs }, 'the bus does not answer pings');
      this.end();
    };
    // Only after the sockets were read once more: perhaps the peer answered, and it was this process that did not run.
    const overdue = clock.after(pongMs, () => setImmediate(giveUp));
    this.#watchTimer = overdue;
    this.confirmed().then(
      () => {
        answered = true;
        overdue.cancel();
        this.#pingLater();
      },
      () => overdue.cancel(),
    );
  }
}

function isNoResponders(message: Msg): boolean {
  return message.data.length === 0 && message.headers?.code === 503;
}
