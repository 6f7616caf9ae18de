/** Commands on objects: decide, hold the claims, append, answer; and decide again when the stream has moved. */
import {
  type Accepted,
  absent,
  advance,
  type Claim,
  type DecideContext,
  decideObject,
  type Fact,
  type Folded,
  foldFacts,
  GENERATED_NAMES_MAX,
  hasGeneratedName,
  type JsonObject,
  keyOfCommand,
  type ObjectCommand,
  type ObjectKey,
  previewOf,
  type RecentRequest,
  type RecordedEvent,
  type Rejected,
  type Reply,
  type Status,
  streamOf,
  toEvents,
  uidOfDecision,
  uuidv5,
} from '@weft/api';
import { type AppendResult, TooLargeError, UnavailableError, WrongRevisionError } from '@weft/event-store';
import { serviceUnavailable, tooLarge, unknownKind } from '../runtime/statuses.ts';
import { appendSurely } from './appender.ts';
import { NotDoneError, OutcomeUnknownError } from './faults.ts';
import { ObjectCell } from './object-cell.ts';
import type { Holding, PartitionWriterOptions } from './partition-writer.ts';
import { type Granted, type Reservation, ReservationCell } from './reservation-cell.ts';
import { decideContextOf, type Task } from './task.ts';

const WITH_REQUESTS = { requests: true };
const DECISIONS_MAX = 8;
/** A refusal that rests on facts waits at most this long for the follower to reach what the caller has seen. */
const FACTS_WAIT_MS_MAX = 2_000;

type Ports = Pick<PartitionWriterOptions, 'store' | 'clock' | 'log' | 'follower' | 'registry' | 'leases'>;

export class ObjectCommands {
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  async carryOut(holding: Holding, task: Task, command: ObjectCommand): Promise<Reply> {
    const { registry } = this.#ports;
    const derive = (label: string) => uuidv5(task.envelope.requestId, label);
    const named = command.verb === 'create' ? command.kind : command.key.kind;
    if (registry.kind(named) === undefined) return refusal(unknownKind(named));
    const names = hasGeneratedName(command) ? GENERATED_NAMES_MAX : 1;
    for (let attempt = 0; ; attempt++) {
      const reply = await this.#onKey(holding, task, command, keyOfCommand(command, derive, attempt));
      const taken = !reply.ok && reply.status.reason === 'AlreadyExists';
      if (!taken || attempt + 1 >= names) return reply;
    }
  }

  #onKey(holding: Holding, task: Task, command: ObjectCommand, key: ObjectKey): Promise<Reply> {
    const cell = holding.objects.getOrMake(streamOf(key), holding, () => new ObjectCell(holding, key, this.#ports));
    return cell.inTurn(() => new ObjectTurn(this.#ports, holding, task, command, cell).run());
  }
}

/** One command's turn on its object. */
class ObjectTurn {
  readonly #ports: Ports;
  readonly #holding: Holding;
  readonly #task: Task;
  readonly #command: ObjectCommand;
  readonly #cell: ObjectCell;
  readonly #stream: string;
  /** Granted for this command and not yet part of an append that is durable. */
  #granted: Claim[] = [];
  #waitedForFacts = false;

  constructor(ports: Ports, holding: Holding, task: Task, command: ObjectCommand, cell: ObjectCell) {
    this.#ports = ports;
    this.#holding = holding;
    this.#task = task;
    this.#command = command;
    this.#cell = cell;
    this.#stream = streamOf(cell.state.key);
  }

  async run(): Promise<Reply> {
    const supply = this.#draws() ? this.#holding.supply : undefined;
    const entering = supply?.enter();
    if (entering !== undefined) await entering;
    try {
      return await this.#decideUntilDone(supply && (() => supply.take()));
    } finally {
      supply?.leave();
    }
  }

  #draws(): boolean {
    const command = this.#command;
    if (command.verb !== 'create' || isDryRun(command)) return false;
    return this.#ports.registry.kind(command.kind)?.draws?.includes('mac') === true;
  }

  async #decideUntilDone(nextMac: (() => string | undefined) | undefined): Promise<Reply> {
    try {
      for (let attempt = 0; attempt < DECISIONS_MAX; attempt++) {
        const reply = await this.#once(nextMac);
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
    return unavailable(`"${this.#stream}" is written by another replica`);
  }

  /** Undefined: decide again. */
  async #once(nextMac: (() => string | undefined) | undefined): Promise<Reply | undefined> {
    const { clock, follower, registry } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    if (this.#task.over || clock.monotonicMs() >= deadlineMs) throw new NotDoneError('the command waited too long and was not begun');
    const cell = this.#cell;
    const reading = cell.refresh();
    if (reading !== undefined) await reading;
    const context = decideContextOf(envelope, clock, follower, nextMac);
    const before = cell.state;
    const decision = decideObject(registry, this.#command, before, context);
    if (decision.outcome === 'repeated') return this.#repeated(decision.request);
    if (decision.outcome === 'rejected') return this.#unlessOutdated(refusal(decision.status), decision);
    if (isDryRun(this.#command)) return this.#asIf(decision, context);
    const claims = decision.claims ?? [];
    if (decision.facts.length === 0 && claims.length === 0) return this.#unlessOutdated(this.#success(before, before, decision));
    const granted = claims.length === 0 ? [] : await this.#claimAll(claims, context);
    if ('ok' in granted) return granted;
    const facts = decision.whenGranted === undefined ? decision.facts : [...decision.facts, ...decision.whenGranted(granted)];
    if (facts.length === 0) return this.#success(before, before, decision);
    return this.#append(decision, facts, claims, context);
  }

  /** An answer that appends nothing: only from the newest state, with facts as new as the caller's, and while the lease is valid. */
  async #unlessOutdated(reply: Reply, decision?: Rejected): Promise<Reply | undefined> {
    const { follower, leases, clock } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    if (!this.#cell.certain) {
      await this.#cell.readTail();
      return undefined;
    }
    const after = envelope.after === undefined ? 0n : BigInt(envelope.after);
    if (decision?.restsOnFacts === true && after > follower.position && !this.#waitedForFacts) {
      this.#waitedForFacts = true;
      const waitMs = Math.min(FACTS_WAIT_MS_MAX, Math.max(1, deadlineMs - clock.monotonicMs()));
      await follower.waitFor(after, waitMs).catch((cause: unknown) => {
        throw new NotDoneError(`this replica has not yet read the log to ${after}`, { cause });
      });
      return undefined;
    }
    return leases.isValid() ? reply : LAPSED;
  }

  /** What was granted, in order; or why the command ends here. */
  async #claimAll(claims: readonly Claim[], context: DecideContext): Promise<readonly JsonObject[] | (Reply & { ok: false })> {
    this.#task.began = true;
    // Decided in order, in this turn, so that claims on one stream share an append.
    const results = await Promise.allSettled(claims.map((claim) => this.#claim(claim, context)));
    const granted = results.map((result) =>
      result.status === 'fulfilled' && result.value.outcome === 'granted' ? result.value : undefined,
    );
    this.#granted.push(...claims.filter((_, index) => granted[index] !== undefined));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    for (const result of results) {
      if (result.status === 'fulfilled' && result.value.outcome === 'refused')
        return this.#ports.leases.isValid() ? refusal(result.value.status) : LAPSED;
    }
    if (granted.includes(undefined)) return unavailable(`what "${this.#stream}" claims from is written by another replica`);
    return (granted as Granted[]).map(({ grants }) => grants);
  }

  #claim(claim: Claim, context: DecideContext): Promise<Reservation> {
    return this.#reservationCell(claim).reserve(claim.command, this.#task.envelope, context, this.#task.deadlineMs);
  }

  #reservationCell(claim: Claim): ReservationCell {
    const { registry } = this.#ports;
    const module = registry.reservationOf(claim.stream);
    if (module === undefined || registry.ownerOfStream(claim.stream)?.partition !== this.#holding.partition) {
      throw new Error(`"${this.#stream}" claims from "${claim.stream}", which its partition does not own`);
    }
    return this.#holding.reservations.getOrMake(
      claim.stream,
      this.#holding,
      () => new ReservationCell(this.#holding, claim.stream, module, this.#ports),
    );
  }

  async #append(decision: Accepted, facts: readonly Fact[], claims: readonly Claim[], context: DecideContext): Promise<Reply | undefined> {
    const { registry } = this.#ports;
    const { envelope, deadlineMs } = this.#task;
    const cell = this.#cell;
    const before = cell.state;
    const uid = uidOfDecision(this.#command, before, { ...decision, facts }, context);
    const target = { stream: this.#stream, expected: before.revision, now: context.now, ...(uid !== undefined && { uid }) };
    const events = toEvents(facts, envelope, target);
    this.#task.began = true;
    let result: AppendResult;
    try {
      result = await appendSurely(this.#ports, this.#stream, before.revision, events, () => deadlineMs);
    } catch (error) {
      cell.certain = false;
      if (error instanceof WrongRevisionError) {
        await cell.readTail();
        return undefined;
      }
      if (error instanceof TooLargeError) return refusal(tooLarge(error.limitBytes));
      if (error instanceof UnavailableError) throw new OutcomeUnknownError(error.message, { cause: error });
      throw error;
    }
    // The events of one append are one change: its position is that of the last.
    let revision = result.revision - BigInt(events.length);
    let state = before;
    for (const { id, type, data, metadata } of events) {
      revision++;
      state = advance(
        registry,
        state,
        { id, type, data, metadata, stream: this.#stream, revision, position: result.position },
        WITH_REQUESTS,
      );
    }
    cell.state = state;
    cell.certain = true;
    if (this.#granted.length > claims.length) {
      const kept = new Set(claims.map(textOf));
      this.#giveBack(this.#granted.filter((claim) => !kept.has(textOf(claim))));
    }
    const at = result.position.toString();
    for (const { stream, command } of decision.releases ?? []) this.#inBackground({ stream, command: { ...command, at } });
    return this.#success(before, state, decision);
  }

  /** The object as this request left it, whatever came after. */
  async #repeated(done: RecentRequest): Promise<Reply> {
    const { registry, store } = this.#ports;
    const { key } = this.#cell.state;
    let before = absent(registry, key);
    let after = before;
    let last: RecordedEvent | undefined;
    try {
      for await (const event of store.readStream(this.#stream)) {
        if (event.revision > done.revision) break;
        if (event.metadata.requestId !== done.requestId || event.metadata.append.index === 0) before = after;
        after = advance(registry, after, event, { requests: false });
        last = event;
      }
    } catch (cause) {
      throw new OutcomeUnknownError(`stream "${this.#stream}" cannot be read: ${(cause as Error).message}`, { cause });
    }
    if (last?.metadata.requestId !== done.requestId)
      throw new Error(`request ${done.requestId} is not at revision ${done.revision} of "${this.#stream}"`);
    return { ...this.#success(before, after, undefined), repeated: true };
  }

  /** Answers as the command would be answered, and appends nothing. */
  async #asIf(decision: Accepted, context: DecideContext): Promise<Reply | undefined> {
    for (const claim of decision.claims ?? []) {
      const status = await this.#reservationCell(claim).peek(claim.command, context);
      if (status !== undefined) return this.#unlessOutdated(refusal(status));
    }
    const { registry } = this.#ports;
    const before = this.#cell.state;
    const after = foldFacts(registry, before, decision.facts, context);
    const object = previewOf(registry, before, decision, context);
    return this.#unlessOutdated({
      ...this.#success(before, after, decision),
      object: object as unknown as JsonObject,
      position: before.position.toString(),
    });
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
      const release = this.#ports.registry.reservationOf(claim.stream)?.release?.(claim);
      if (release !== undefined) this.#inBackground(release);
    }
  }

  #inBackground(claim: Claim): void {
    const { registry, clock, follower, log } = this.#ports;
    if (registry.ownerOfStream(claim.stream)?.partition !== this.#holding.partition) return; // A reaction does it.
    const context = decideContextOf(this.#task.envelope, clock, follower);
    this.#reservationCell(claim)
      .reserve(claim.command, this.#task.envelope, context, this.#task.deadlineMs + 5_000)
      .catch((error: unknown) => log.warn({ err: error, stream: claim.stream }, 'giving back a claim failed'));
  }
}

function refusal(status: Status): Reply & { ok: false } {
  return { ok: false, retry: 'no', status };
}

/** Nothing was appended. */
function unavailable(why: string): Reply & { ok: false } {
  return { ok: false, retry: 'safe', status: serviceUnavailable(why) };
}

const LAPSED = unavailable('the lease of this partition has lapsed');

function textOf(claim: Claim): string {
  return `${claim.stream} ${JSON.stringify(claim.command)}`;
}

function isDryRun(command: ObjectCommand): boolean {
  return command.verb !== 'act' && command.options?.dryRun === true;
}
