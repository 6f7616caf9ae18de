/**
 * One command on an object, from the request to the answer (DESIGN 9.2 to 9.6). Pure: what it needs from the world it asks of an `ObjectPort`.
 *
 *   enter ─> refresh ─> decide ─┬─> claims granted ─> append ─┬─> durable: state, releases, answer
 *     ^          ^              │                             └─> overtaken: read the tail, decide again
 *     │          │              └─> refusal, nothing changed, dry run: only from a certain state, with facts as new as the caller's,
 *     │          └──────────────────  while `mayAnswer`; else read or wait, and decide again
 *     └─ another generated name, when the first one is taken
 */

import { type KeptCommand, keptCommand } from '../append/kept-command.ts';
import { toEvents } from '../append/to-events.ts';
import { uuidv5 } from '../append/uuid.ts';
import { type Release, releasesOf } from '../claims/open-releases.ts';
import type { CommandEnvelope, Reply } from '../command/command.ts';
import { decideObject } from '../decide/decide-object.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import { GENERATED_NAMES_MAX, hasGeneratedName, keyOfCommand, uidOfDecision } from '../decide/naming.ts';
import { foldFacts, previewOf } from '../decide/preview.ts';
import { absent, advance } from '../fold/evolve.ts';
import type { Accepted, Claim, DecideContext, Folded, RecentRequest } from '../kind/kind.ts';
import { streamOf } from '../kind/object.ts';
import type { NewEvent, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import { requestTooLarge, unknownKind } from '../status/statuses.ts';
import { type Failed, LAPSED, refusal, replyToFault, unavailable } from './faults.ts';
import type { ObjectMemory, ObjectPort } from './object-port.ts';
import { callsOf, type Run } from './steps.ts';

/** Times that one command is decided on one object, before it is answered that others write there. */
export const DECISIONS_MAX = 8;

export type ObjectRequest = Readonly<{
  command: ObjectCommand;
  envelope: Omit<CommandEnvelope, 'command' | 'timeoutMs'>;
  /** Set once something was handed to the store: from then on a failure's outcome is unknown. */
  progress: { began: boolean };
}>;

const WITH_REQUESTS = { requests: true };

const call = callsOf<ObjectPort>();

/** Throws only what is a bug, or data that no decider foresaw. */
export function* runObject(registry: Registry, request: ObjectRequest): Run<ObjectPort, Reply> {
  const { command, envelope, progress } = request;
  const kind = command.verb === 'create' ? command.kind : command.key.kind;
  if (registry.kind(kind) === undefined) return refusal(unknownKind(kind));
  const names = hasGeneratedName(command) ? GENERATED_NAMES_MAX : 1;
  try {
    for (let attempt = 0; ; attempt++) {
      const key = keyOfCommand(command, (label) => uuidv5(envelope.requestId, label), attempt);
      const memory = yield* call('enter', key);
      const reply = yield* new Turn(registry, request, memory).run();
      const taken = !reply.ok && reply.status.reason === 'AlreadyExists';
      if (!taken || attempt + 1 >= names) return reply;
    }
  } catch (error) {
    return replyToFault(error, progress.began);
  }
}

export function isDryRun(command: ObjectCommand): boolean {
  return command.verb !== 'act' && command.options?.dryRun === true;
}

/** The command on one object, decided as often as need be. Undefined as an answer: decide again. */
class Turn {
  readonly #registry: Registry;
  readonly #request: ObjectRequest;
  readonly #memory: ObjectMemory;
  readonly #stream: string;
  /**
   * Granted by an append of this command's own, and not yet part of an append to the object. What was granted without one was held already, and may be
   * in use: it is not ours to give back.
   */
  #granted: readonly Claim[] = [];
  #waitedForFacts = false;

  constructor(registry: Registry, request: ObjectRequest, memory: ObjectMemory) {
    this.#registry = registry;
    this.#request = request;
    this.#memory = memory;
    this.#stream = streamOf(memory.state.key);
  }

  /** When it throws, claims stay where they are: whoever repeats this command finds them, and the sweep gives them back if nobody does. */
  *run(): Run<ObjectPort, Reply> {
    for (let attempt = 0; attempt < DECISIONS_MAX; attempt++) {
      const reply = yield* this.#once();
      if (reply === undefined) continue;
      if (!reply.ok) yield* this.#giveBack(this.#granted);
      return reply;
    }
    yield* this.#giveBack(this.#granted);
    return unavailable(`"${this.#stream}" is written by another replica`);
  }

  *#once(): Run<ObjectPort, Reply | undefined> {
    const { command } = this.#request;
    const context = yield* call('refresh');
    const before = this.#memory.state;
    const decision = decideObject(this.#registry, command, before, context);
    if (decision.outcome === 'repeated') return yield* this.#repeated(decision.request);
    if (decision.outcome === 'rejected') {
      const answer = refusal(decision.status);
      return yield* decision.restsOnFacts === true ? this.#onFacts(answer, context) : this.#unlessOutdated(answer);
    }
    if (isDryRun(command)) return yield* this.#asIf(decision, context);
    const claims = decision.claims ?? [];
    if (decision.facts.length === 0 && claims.length === 0) return yield* this.#unlessOutdated(success(before, before, decision));
    yield* this.#giveBackOthers(claims);
    const grants = claims.length === 0 ? [] : yield* this.#claimAll(claims, context);
    if ('ok' in grants) return grants;
    const facts = decision.whenGranted === undefined ? decision.facts : [...decision.facts, ...decision.whenGranted(grants)];
    if (facts.length === 0) return success(before, before, decision);
    return yield* this.#append({ ...decision, claims, facts }, context);
  }

  // --- answers that append nothing --------------------------------------------------------------------------------------------------------------

  /** Only from the newest state, and while nobody else can have become the writer. */
  *#unlessOutdated(answer: Reply): Run<ObjectPort, Reply | undefined> {
    if (!this.#memory.certain) {
      yield* call('readTail');
      return undefined;
    }
    return (yield* call('mayAnswer')) ? answer : LAPSED;
  }

  /** A refusal that rests on other streams, too: only with a view as new as what the caller has seen. It is waited for once. */
  *#onFacts(answer: Failed, { facts }: DecideContext): Run<ObjectPort, Reply | undefined> {
    const after = BigInt(this.#request.envelope.after ?? 0);
    if (!this.#memory.certain || this.#waitedForFacts || after <= (facts.position ?? 0n)) return yield* this.#unlessOutdated(answer);
    this.#waitedForFacts = true;
    yield* call('awaitFacts', after);
    return undefined;
  }

  /** Answers as the command would be answered. */
  *#asIf(decision: Accepted, context: DecideContext): Run<ObjectPort, Reply | undefined> {
    for (const claim of decision.claims ?? []) {
      this.#mustOwn(claim);
      const status = yield* call('peek', claim, context);
      if (status !== undefined) return yield* this.#unlessOutdated(refusal(status));
    }
    const before = this.#memory.state;
    const after = foldFacts(this.#registry, before, decision.facts, context);
    const object = previewOf(this.#registry, before, decision, context);
    return yield* this.#unlessOutdated({
      ...success(before, after, decision),
      object: object as unknown as JsonObject,
      position: before.position.toString(),
    });
  }

  /** The object as this request left it, whatever came after. */
  *#repeated({ requestId, revision }: RecentRequest): Run<ObjectPort, Reply> {
    let before = absent(this.#registry, this.#memory.state.key);
    let after = before;
    let last: RecordedEvent | undefined;
    yield* call('replay', this.#stream, (event) => {
      if (event.revision > revision) return false;
      if (event.metadata.requestId !== requestId || event.metadata.append.index === 0) before = after;
      after = advance(this.#registry, after, event, { requests: false });
      last = event;
      return event.revision < revision;
    });
    if (last?.metadata.requestId !== requestId) {
      throw new Error(`request ${requestId} is not at revision ${revision} of "${this.#stream}"`);
    }
    return { ...success(before, after), repeated: true };
  }

  // --- claims -----------------------------------------------------------------------------------------------------------------------------------

  /** What was granted, in order; or why the command ends here. */
  *#claimAll(claims: readonly Claim[], context: DecideContext): Run<ObjectPort, readonly JsonObject[] | Failed> {
    for (const claim of claims) this.#mustOwn(claim);
    this.#request.progress.began = true;
    const outcomes = yield* call('claim', claims, context);
    const isOurs = (_: Claim, index: number) => {
      const each = outcomes[index];
      return each !== undefined && !(each instanceof Error) && each.outcome === 'granted' && each.facts.length > 0;
    };
    this.#granted = [...this.#granted, ...claims.filter(isOurs)];
    for (const each of outcomes) if (each instanceof Error) throw each;
    for (const each of outcomes) {
      if (!(each instanceof Error) && each.outcome === 'refused') return (yield* call('mayAnswer')) ? refusal(each.status) : LAPSED;
    }
    const grants = outcomes.flatMap((each) => (!(each instanceof Error) && each.outcome === 'granted' ? [each.grants] : []));
    if (grants.length < claims.length) return unavailable(`what "${this.#stream}" claims from is written by another replica`);
    return grants;
  }

  #mustOwn({ stream }: Claim): void {
    if (!this.#owns(stream)) throw new Error(`"${this.#stream}" claims from "${stream}", which its partition does not own`);
  }

  #owns(stream: string): boolean {
    const own = this.#registry.ownerOfKey(this.#memory.state.key);
    const owner = this.#registry.reservationOf(stream) && this.#registry.ownerOfStream(stream);
    return owner !== undefined && owner.partition === own?.partition && owner.context === own.context;
  }

  /**
   * What an earlier decision claimed and this one does not, as the claim is written. Given back before anything is claimed anew: two claims may
   * overlap in what they hold (the same address, asked for at another revision), and a release that came after would take it from its user.
   */
  *#giveBackOthers(claims: readonly Claim[]): Run<ObjectPort, void> {
    if (this.#granted.length === 0) return;
    const wanted = new Set(claims.map(textOf));
    const others = this.#granted.filter((claim) => !wanted.has(textOf(claim)));
    this.#granted = this.#granted.filter((claim) => wanted.has(textOf(claim)));
    yield* this.#giveBack(others);
  }

  *#giveBack(claims: readonly Claim[]): Run<ObjectPort, void> {
    const { requestId } = this.#request.envelope;
    yield* this.#release(
      claims.flatMap((claim) => {
        const release = this.#registry.reservationOf(claim.stream)?.release?.(claim);
        return release === undefined ? [] : [{ ...release, requestId }];
      }),
    );
  }

  /** What other partitions hold is released by them, since the append says what it gives back. */
  *#release(releases: readonly Release[]): Run<ObjectPort, void> {
    const own = releases.filter(({ stream }) => this.#owns(stream));
    if (own.length > 0) yield* call('release', own);
  }

  // --- the append -------------------------------------------------------------------------------------------------------------------------------

  *#append(decision: Accepted, context: DecideContext): Run<ObjectPort, Reply | undefined> {
    const before = this.#memory.state;
    const { command, envelope } = this.#request;
    const kept = keptCommand(command, envelope.actor);
    let events = this.#eventsOf(decision, kept, context);
    let result = yield* this.#tryAppend(before, events);
    if (result.outcome === 'tooLarge' && !('cut' in kept)) {
      events = this.#eventsOf(decision, { verb: kept.verb, cut: true }, context);
      result = yield* this.#tryAppend(before, events);
    }
    if (result.outcome === 'tooLarge') return refusal(requestTooLarge(`Request entity too large: limit is ${result.limitBytes}`));
    if (result.outcome === 'overtaken') {
      yield* call('readTail');
      return undefined;
    }
    const after = this.#stateAfter(before, events, result);
    this.#memory.state = after;
    this.#memory.certain = true;
    yield* this.#release(releasesOf(decision.releases ?? [], envelope.requestId, result.position));
    return success(before, after, decision);
  }

  #eventsOf(decision: Accepted, command: KeptCommand, context: DecideContext): readonly NewEvent[] {
    const before = this.#memory.state;
    const uid = uidOfDecision(this.#request.command, before, decision, context);
    return toEvents(decision.facts, this.#request.envelope, {
      stream: this.#stream,
      expected: before.revision,
      now: context.now,
      ...(uid !== undefined && { uid }),
      command,
      ...(decision.releases !== undefined && decision.releases.length > 0 && { releases: decision.releases }),
    });
  }

  *#tryAppend(before: Folded, events: readonly NewEvent[]) {
    this.#request.progress.began = true;
    this.#memory.certain = false; // Until it is known how this ends.
    return yield* call('append', this.#stream, before.revision, events);
  }

  #stateAfter(before: Folded, events: readonly NewEvent[], at: Readonly<{ revision: bigint; position: bigint }>): Folded {
    const { position } = at;
    const stream = this.#stream;
    let revision = at.revision - BigInt(events.length);
    let state = before;
    for (const { id, type, data, metadata } of events) {
      revision++;
      // The events of one append are one change: its position is that of the last.
      state = advance(this.#registry, state, { id, type, data, metadata, stream, revision, position }, WITH_REQUESTS);
    }
    return state;
  }
}

function success(before: Folded, after: Folded, { warnings = [] }: Pick<Accepted, 'warnings'> = {}): Reply & { ok: true } {
  const ended = before.status === 'live' && after.status === 'absent';
  return {
    ok: true,
    code: before.status === 'absent' && after.status === 'live' ? 201 : 200,
    object: after.object as unknown as JsonObject,
    ...(ended && { ended }),
    position: after.position.toString(),
    ...(warnings.length > 0 && { warnings }),
  };
}

function textOf({ stream, command }: Claim): string {
  return `${stream} ${JSON.stringify(command)}`;
}
