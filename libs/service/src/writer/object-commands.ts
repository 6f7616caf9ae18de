/** Commands on objects: decide, hold the claims, append, answer; and decide again when the stream has moved. */
import type { Accepted, Claim, DecideContext, Decision, Folded, JsonObject, RecentRequest, RecordedEvent, Reply, Status } from '@weft/api';
import { streamOf } from '@weft/api';
import { type AppendResult, TooLargeError, UnavailableError, WrongRevisionError } from '@weft/event-store';
import { claimWasUsed, namespaceMissing, namespaceTerminating, serviceUnavailable, tooLarge, unknownKind } from '../runtime/statuses.ts';
import { appendSurely } from './appender.ts';
import { toEvents } from './envelopes.ts';
import { NotDoneError, OutcomeUnknownError } from './faults.ts';
import type { ObjectCommand } from './machinery.ts';
import { ObjectCell } from './object-cell.ts';
import type { PartitionState, PartitionWriterOptions } from './partition-writer.ts';
import { ReservationCell } from './reservation-cell.ts';
import { decideContextOf, type Task } from './task.ts';

export const ABANDON_CLAIM = 'AbandonClaim';

const DECISIONS_MAX = 8;
/** A refusal that rests on facts waits at most this long for the follower to reach what the caller has seen. */
const FACTS_WAIT_MS_MAX = 2_000;

type Ports = Pick<PartitionWriterOptions, 'store' | 'clock' | 'log' | 'follower' | 'routing' | 'machinery' | 'leases'>;

export class ObjectCommands {
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  async carryOut(partition: PartitionState, task: Task, command: ObjectCommand): Promise<Reply> {
    const { machinery, follower } = this.#ports;
    const key = machinery.keyOf(command, task.envelope.requestId);
    if (key === undefined) return refusal(unknownKind(command.verb === 'create' ? command.kind : command.key.kind));
    const cell = partition.objects.getOrMake(streamOf(key), () => new ObjectCell(follower.get(key) ?? machinery.absent(key)));
    return cell.inTurn(() => new ObjectTurn(this.#ports, partition, task, command, cell).run());
  }
}

/** One command's turn on its object. */
class ObjectTurn {
  readonly #ports: Ports;
  readonly #partition: PartitionState;
  readonly #task: Task;
  readonly #command: ObjectCommand;
  readonly #cell: ObjectCell;
  readonly #stream: string;
  /** Granted for this command and not yet part of an append that is durable. */
  #granted: Claim[] = [];
  #waitedForFacts = false;

  constructor(ports: Ports, partition: PartitionState, task: Task, command: ObjectCommand, cell: ObjectCell) {
    this.#ports = ports;
    this.#partition = partition;
    this.#task = task;
    this.#command = command;
    this.#cell = cell;
    this.#stream = streamOf(cell.state.key);
  }

  async run(): Promise<Reply> {
    try {
      for (let attempt = 0; attempt < DECISIONS_MAX; attempt++) {
        const reply = await this.#once();
        if (reply === undefined) continue;
        if (!reply.ok) this.#giveBack(this.#granted.splice(0));
        return reply;
      }
    } catch (error) {
      // Claims stay where they are: whoever repeats this command finds them, and the sweep gives them back if nobody does.
      if (error instanceof NotDoneError && this.#granted.length === 0 && !this.#task.began) throw error;
      throw error instanceof NotDoneError ? new OutcomeUnknownError(error.message, { cause: error }) : error;
    }
    this.#giveBack(this.#granted.splice(0));
    return { ok: false, retry: 'safe', status: serviceUnavailable(`"${this.#stream}" is written by another replica`) };
  }

  /** Undefined: decide again. */
  async #once(): Promise<Reply | undefined> {
    const { clock, follower, machinery } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    if (this.#task.over || clock.monotonicMs() >= deadlineMs) throw new NotDoneError('the command waited too long and was not begun');
    const cell = this.#cell;
    cell.catchUp(follower.get(cell.state.key));
    const done = cell.state.requests.find(({ requestId }) => requestId === envelope.requestId);
    if (done !== undefined) return this.#repeated(done);

    const context = decideContextOf(envelope, clock, follower);
    const decision =
      this.#namespaceRefusal() ?? abandonment(this.#command, cell.state) ?? machinery.decide(this.#command, cell.state, context);
    if (decision.outcome === 'rejected') return this.#unlessOutdated({ ok: false, retry: 'no', status: decision.status });
    if (dryRun(this.#command)) return this.#asIf(decision, context);
    const claims = decision.claims ?? [];
    if (decision.facts.length === 0 && claims.length === 0) {
      return this.#unlessOutdated(this.#success(cell.state, cell.state, decision));
    }
    const refused = await this.#claimAll(claims, context);
    if (refused !== undefined) return refused;
    if (decision.facts.length === 0) return this.#success(cell.state, cell.state, decision);
    return this.#append(decision, claims, context);
  }

  /** An answer that appends nothing: only from the newest state, with facts as new as the caller's, and while the lease is valid. */
  async #unlessOutdated(reply: Reply): Promise<Reply | undefined> {
    const { follower, leases, clock } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    if (!this.#cell.certain) {
      await this.#readTail();
      return undefined;
    }
    const after = envelope.after === undefined ? 0n : BigInt(envelope.after);
    if (after > follower.position && !this.#waitedForFacts) {
      this.#waitedForFacts = true;
      const waitMs = Math.min(FACTS_WAIT_MS_MAX, Math.max(1, deadlineMs - clock.monotonicMs()));
      await follower.waitFor(after, waitMs).catch((cause: unknown) => {
        throw new NotDoneError(`this replica has not yet read the log to ${after}`, { cause });
      });
      return undefined;
    }
    if (leases.isValid()) return reply;
    return { ok: false, retry: 'safe', status: serviceUnavailable('the lease of this partition has lapsed') };
  }

  #namespaceRefusal(): { outcome: 'rejected'; status: Status } | undefined {
    const command = this.#command;
    if (command.verb !== 'create' || command.namespace === undefined) return undefined;
    const namespace = this.#ports.follower.get({ kind: 'Namespace', name: command.namespace });
    if (namespace === undefined || namespace.status !== 'live') return { outcome: 'rejected', status: namespaceMissing(command.namespace) };
    if (namespace.object.metadata.deletionTimestamp === undefined) return undefined;
    const module = this.#ports.routing.kind(command.kind);
    const resource = module === undefined ? command.kind : `${module.plural}.${module.group}`;
    const status = namespaceTerminating(command.namespace, resource, this.#cell.state.key.name, module?.group ?? '', module?.plural ?? '');
    return { outcome: 'rejected', status };
  }

  async #claimAll(claims: readonly Claim[], context: DecideContext): Promise<Reply | undefined> {
    if (claims.length === 0) return undefined;
    this.#task.began = true;
    // Decided in order, in this turn, so that claims on one stream share an append.
    const results = await Promise.allSettled(claims.map((claim) => this.#claim(claim, context)));
    let refused: Reply | undefined;
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') continue;
      if (result.value.outcome === 'granted') this.#granted.push(claims[index] as Claim);
      else if (result.value.outcome === 'refused') refused ??= refusal(result.value.status);
    }
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    if (refused !== undefined) {
      if (this.#ports.leases.isValid()) return refused;
      return { ok: false, retry: 'safe', status: serviceUnavailable('the lease of this partition has lapsed') };
    }
    return results.every((result) => result.status === 'fulfilled' && result.value.outcome === 'granted')
      ? undefined
      : contended(this.#stream);
  }

  #claim(claim: Claim, context: DecideContext) {
    return this.#reservationCell(claim).reserve(claim.command, this.#task.envelope, context, this.#task.deadlineMs);
  }

  #reservationCell(claim: Claim): ReservationCell {
    const module = this.#ports.routing.reservation(claim.stream);
    const route = this.#ports.routing.ofStream(claim.stream);
    if (module === undefined || route?.partition !== this.#partition.partition) {
      throw new Error(`"${this.#stream}" claims from "${claim.stream}", which its partition does not own`);
    }
    return this.#partition.reservations.getOrMake(claim.stream, () => new ReservationCell(claim.stream, module, this.#ports));
  }

  async #append(decision: Accepted, claims: readonly Claim[], context: DecideContext): Promise<Reply | undefined> {
    const { machinery } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    const cell = this.#cell;
    const before = cell.state;
    const uid = machinery.uidOf(this.#command, before, context);
    const at = { stream: this.#stream, expected: before.revision, time: context.now, ...(uid !== undefined && { uid }) };
    const events = toEvents(decision.facts, envelope, at);
    this.#task.began = true;
    let result: AppendResult;
    try {
      result = await appendSurely(this.#ports, this.#stream, before.revision, events, () => deadlineMs);
    } catch (error) {
      cell.certain = false;
      if (error instanceof WrongRevisionError) {
        await this.#readTail();
        return undefined;
      }
      if (error instanceof TooLargeError) return refusal(tooLarge(error.limitBytes));
      if (error instanceof UnavailableError) throw new OutcomeUnknownError(error.message, { cause: error });
      throw error;
    }
    // The events of one append are one change: its position is that of the last.
    const first = result.revision - BigInt(events.length - 1);
    let state = before;
    for (const [index, event] of events.entries()) {
      state = machinery.fold(state, { ...event, stream: this.#stream, revision: first + BigInt(index), position: result.position });
    }
    cell.state = state;
    cell.certain = true;
    const kept = new Set(claims.map(textOf));
    this.#giveBack(this.#granted.filter((claim) => !kept.has(textOf(claim))));
    for (const claim of decision.releases ?? []) this.#inBackground(claim);
    return this.#success(before, state, decision);
  }

  /** Reads what the stream holds beyond the state. */
  async #readTail(): Promise<void> {
    const cell = this.#cell;
    const from = cell.state.revision === 'none' ? 0n : cell.state.revision + 1n;
    try {
      let state = cell.state;
      for await (const event of this.#ports.store.readStream(this.#stream, { from })) state = this.#ports.machinery.fold(state, event);
      cell.state = state;
      cell.certain = true;
    } catch (cause) {
      throw new NotDoneError(`stream "${this.#stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  /** The object as this request left it, whatever came after. */
  async #repeated(done: RecentRequest): Promise<Reply> {
    const { machinery, store } = this.#ports;
    const cell = this.#cell;
    let before: Folded = machinery.absent(cell.state.key);
    let after = before;
    let appended: RecordedEvent | undefined;
    try {
      for await (const event of store.readStream(this.#stream)) {
        if (event.revision > done.revision) break;
        if (event.metadata.requestId !== done.requestId) before = after;
        after = machinery.fold(after, event);
        appended = event;
      }
    } catch (cause) {
      throw new OutcomeUnknownError(`stream "${this.#stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
    if (appended?.metadata.requestId !== done.requestId)
      throw new Error(`request ${done.requestId} is not at revision ${done.revision} of "${this.#stream}"`);
    if (before === after) before = machinery.absent(cell.state.key);
    return { ...this.#success(before, after, undefined), repeated: true };
  }

  /** Answers as the command would be answered, and appends nothing. */
  async #asIf(decision: Accepted, context: DecideContext): Promise<Reply | undefined> {
    const { machinery } = this.#ports;
    for (const claim of decision.claims ?? []) {
      const status = await this.#reservationCell(claim).peek(claim.command, context);
      if (status !== undefined) return this.#unlessOutdated(refusal(status));
    }
    const before = this.#cell.state;
    const uid = machinery.uidOf(this.#command, before, context);
    const at = { stream: this.#stream, expected: before.revision, time: context.now, ...(uid !== undefined && { uid }) };
    let state = before;
    let revision = before.revision === 'none' ? -1n : before.revision;
    for (const event of toEvents(decision.facts, this.#task.envelope, at)) {
      state = machinery.fold(state, { ...event, stream: this.#stream, revision: ++revision, position: before.position });
    }
    return this.#unlessOutdated(this.#success(before, state, decision));
  }

  #success(before: Folded, after: Folded, decision: Accepted | undefined): Reply & { ok: true } {
    const ended = before.status === 'live' && after.status === 'absent';
    return {
      ok: true,
      code: before.status === 'absent' && after.status === 'live' ? 201 : 200,
      object: after.object as unknown as JsonObject,
      ...(ended && { ended }),
      position: after.position.toString(),
      ...(decision?.warnings !== undefined && decision.warnings.length > 0 && { warnings: decision.warnings }),
    };
  }

  /** Nobody waits for it: what is lost here, the sweep of abandoned claims finds. */
  #giveBack(claims: readonly Claim[]): void {
    for (const claim of claims) {
      const release = this.#ports.routing.reservation(claim.stream)?.release?.(claim);
      if (release !== undefined) this.#inBackground(release);
    }
  }

  #inBackground(claim: Claim): void {
    const { routing, clock, follower, log } = this.#ports;
    if (routing.ofStream(claim.stream)?.partition !== this.#partition.partition) return; // A reaction does it.
    const context = decideContextOf(this.#task.envelope, clock, follower);
    this.#reservationCell(claim)
      .reserve(claim.command, this.#task.envelope, context, this.#task.deadlineMs + 5_000)
      .catch((error: unknown) => log.warn({ err: error, stream: claim.stream }, 'giving back a claim failed'));
  }
}

/**
 * Common to all kinds (DESIGN 9.5): says in the object's own stream that a request which claimed something will never be carried out, so that a
 * late append of it fails on its expected revision; refused when the request is already part of the stream.
 */
function abandonment(command: ObjectCommand, before: Folded): Decision | undefined {
  if (command.verb !== 'act' || command.action !== ABANDON_CLAIM) return undefined;
  const requestId = String(command.payload['requestId']);
  if (before.requests.some((request) => request.requestId === requestId)) return { outcome: 'rejected', status: claimWasUsed(requestId) };
  return { outcome: 'accepted', facts: [{ type: 'ClaimAbandoned.v1', data: { requestId } }] };
}

function refusal(status: Status): Reply & { ok: false } {
  return { ok: false, retry: 'no', status };
}

function contended(stream: string): Reply {
  return { ok: false, retry: 'safe', status: serviceUnavailable(`what "${stream}" claims from is written by another replica`) };
}

function textOf(claim: Claim): string {
  return `${claim.stream} ${JSON.stringify(claim.command)}`;
}

function dryRun(command: ObjectCommand): boolean {
  return command.verb !== 'act' && command.options?.dryRun === true;
}
