/**
 * Sends a command to its owner and always ends with a reply, in time. As long as there is time for an answer, it repeats a command that was not carried
 * out, or perhaps not, under the same request id, which the owner recognises.
 */
import {
  type Actor,
  type Command,
  type CommandEnvelope,
  OBJECT_BYTES_MAX,
  type Registry,
  type Reply,
  serviceUnavailable,
  timedOut,
  unknownKind,
} from '@weft/api';
import { type Bus, BusError, PayloadTooLargeError, subjects } from '@weft/bus';
import type { Clock } from '../platform.ts';
import { ownerOf } from '../runtime/routing.ts';
import { tooLarge } from '../runtime/statuses.ts';
import type { OwnPartitions } from './own-partitions.ts';

/** No caller waits longer than this, whatever it asks for. */
const COMMAND_TIMEOUT_MS_MAX = 9_500;
const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 400;
/** An attempt without an answer is given up after this time, so that there is time for another one: the owner may have died. */
const ATTEMPT_MS_MAX = 4_000;
const ATTEMPTS_MAX = 200;

export type SendOptions = Readonly<{
  /** UUID; the same one again returns the first outcome. */
  requestId: string;
  actor: Actor;
  onBehalfOf?: Actor;
  correlationId?: string;
  causationId?: string;
  /** Highest position the caller has seen. */
  after?: bigint;
  /** Default 8,000, at most 9,500. */
  timeoutMs?: number;
  traceparent?: string;
}>;

export interface CommandClient {
  /** Never rejects. A reply with `retry: 'safe'` means that certainly nothing was done. */
  send(command: Command, options: SendOptions): Promise<Reply>;
}

const decoder = new TextDecoder();

export type CommandClientOptions = Readonly<{
  bus: Bus;
  registry: Registry;
  clock: Clock;
  /** Commands for these do not go over the bus; without a connection they wait as all others do. Default: none are here. */
  ownPartitions?: OwnPartitions;
}>;

export function createCommandClient({ bus, registry, clock, ownPartitions }: CommandClientOptions): CommandClient {
  return {
    async send(command, send) {
      const route = ownerOf(registry, command);
      if (route === undefined) return { ok: false, retry: 'no', status: unknownKind(nameOf(command)) };
      const limitMs = Math.min(send.timeoutMs ?? 8_000, COMMAND_TIMEOUT_MS_MAX);
      const deadline = clock.monotonicMs() + limitMs;
      let maybeDone = false;
      let last: Reply | undefined;
      /** Why the owner does not know the outcome, what it said of a repeat that was not carried out, and what became of the attempts since then. */
      let doubt: string | undefined;
      let said: string | undefined;
      let since: string | undefined;
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const leftMs = Math.floor(deadline - clock.monotonicMs());
        if (leftMs <= 0) break;
        const envelope = envelopeOf(command, send, Math.min(leftMs, ATTEMPT_MS_MAX));
        try {
          const here = bus.connected ? ownPartitions?.execute(route.context, route.partition, envelope) : undefined;
          const reply = here === undefined ? await overBus(subjects.command(route.context, route.partition), envelope) : await here;
          if (reply.ok || reply.retry === 'no' || reply.status.code === 429) return reply;
          last = reply;
          if (reply.retry === 'unknown') [maybeDone, doubt, said] = [true, reply.status.message ?? doubt, undefined];
          else if (reply.status.message !== undefined)
            said = maybeDone ? `a repeat was not carried out: ${reply.status.message}` : reply.status.message;
          since = undefined;
        } catch (error) {
          if (!(error instanceof BusError)) throw error;
          if (error instanceof PayloadTooLargeError) return { ok: false, retry: 'no', status: tooLarge(OBJECT_BYTES_MAX) };
          if (error.retry === 'unknown') maybeDone = true;
          since = `${error.code}: ${error.message}`;
        }
        const pauseMs = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(attempt, 8), BACKOFF_MS_MAX);
        if (clock.monotonicMs() + pauseMs >= deadline) break;
        await clock.pause(pauseMs);
      }
      const why = [doubt, said, since].filter((text) => text !== undefined).join('; then ') || 'no answer';
      if (maybeDone)
        return { ok: false, retry: 'unknown', status: timedOut(`the outcome is not known; repeat it with the same request id (${why})`) };
      return last ?? { ok: false, retry: 'safe', status: serviceUnavailable(`the owner of this object cannot be reached (${why})`) };
    },
  };

  async function overBus(subject: string, envelope: CommandEnvelope): Promise<Reply> {
    const reply = await bus.request(subject, Buffer.from(JSON.stringify(envelope)), { timeoutMs: envelope.timeoutMs });
    return JSON.parse(decoder.decode(reply)) as Reply;
  }
}

function envelopeOf(command: Command, send: SendOptions, timeoutMs: number): CommandEnvelope {
  const { requestId, actor, onBehalfOf, after, traceparent } = send;
  const { correlationId = requestId, causationId = requestId } = send;
  const envelope: { -readonly [F in keyof CommandEnvelope]: CommandEnvelope[F] } = {
    command,
    requestId,
    actor,
    correlationId,
    causationId,
    timeoutMs,
  };
  if (onBehalfOf !== undefined) envelope.onBehalfOf = onBehalfOf;
  if (after !== undefined) envelope.after = after.toString();
  if (traceparent !== undefined) envelope.traceparent = traceparent;
  return envelope;
}

function nameOf(command: Command): string {
  if (command.verb === 'reserve') return command.stream;
  return command.verb === 'create' ? command.kind : command.key.kind;
}
