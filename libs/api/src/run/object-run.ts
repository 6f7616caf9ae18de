/**
 * One command on an object, from the request to the answer (DESIGN 9.2 to 9.6). Pure: everything outside is called through an `ObjectPort`.
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
import { absent, advance, follow } from '../fold/evolve.ts';
import { presentationOf } from '../kind/assembly.ts';
import type { Accepted, Claim, DecideContext, Folded, RecentRequest } from '../kind/kind.ts';
import { asJson, streamOf } from '../kind/object.ts';
import type { NewEvent, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject } from '../log/json.ts';
import type { Registry } from '../registry/registry.ts';
import type { Status } from '../status/status.ts';
import { requestTooLarge, unknownKind } from '../status/statuses.ts';
import { withFields } from '../values/with-fields.ts';
import { type Failed, LAPSED, refusal, replyToFault, unavailable } from './faults.ts';
import type { Appended, ObjectMemory, ObjectPort } from './object-port.ts';
import { callsOf, type Run } from './steps.ts';

/** How often one command is decided on one object, before the reply is that another replica writes there. */
export const DECISIONS_MAX = 8;

export type ObjectRequest = Readonly<{
  command: ObjectCommand;
  envelope: Omit<CommandEnvelope, 'command' | 'timeoutMs'>;
  /** Set once the store has been asked to append: from then on the outcome of a failure is unknown. */
  progress: { began: boolean };
}>;

const WITH_REQUESTS = { requests: true };

const call = callsOf<ObjectPort>();

/** Throws only for a bug, or for data that no decider foresaw. */
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

/** The command on one object, decided as often as needed. A method that gives undefined in place of a reply asks for another decision. */
class Turn {
  readonly #registry: Registry;
  readonly #request: ObjectRequest;
  readonly #memory: ObjectMemory;
  readonly #stream: string;
  /**
   * Claims that an append of this command has made, and that no append to the object uses yet. A claim that was granted without an append was held
   * before and may be in use: this command must not give it back.
   */
  #granted: readonly Claim[] = [];
  #waitedForFacts = false;

  constructor(registry: Registry, request: ObjectRequest, memory: ObjectMemory) {
    this.#registry = registry;
    this.#request = request;
    this.#memory = memory;
    this.#stream = streamOf(memory.state.key);
  }

  /** When it throws, its claims stay: a repeat of the command finds them, and if none comes, the loop over open claims gives them back. */
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
    if (decision.facts.length === 0 && claims.length === 0) return yield* this.#unlessOutdated(this.#success(before, before, decision));
    yield* this.#giveBackOthers(claims);
    const grants = claims.length === 0 ? [] : yield* this.#claimAll(claims, context);
    if ('ok' in grants) return grants;
    const facts = decision.whenGranted === undefined ? decision.facts : [...decision.facts, ...decision.whenGranted(grants)];
    if (facts.length === 0) return yield* this.#unlessOutdated(this.#success(before, before, decision));
    return yield* this.#append(withFields(decision, { facts }), context);
  }

  // --- answers that append nothing --------------------------------------------------------------------------------------------------------------

  /** Replies only from the newest state, and only while nobody else can have become the writer. */
  *#unlessOutdated(answer: Reply): Run<ObjectPort, Reply | undefined> {
    if (!this.#memory.certain) {
      yield* call('readTail');
      return undefined;
    }
    return (yield* call('mayAnswer')) ? answer : LAPSED;
  }

  /** A refusal that rests on other streams also needs a view as new as what the caller has seen. The command waits for that once. */
  *#onFacts(answer: Failed, { facts }: DecideContext): Run<ObjectPort, Reply | undefined> {
    const after = BigInt(this.#request.envelope.after ?? 0);
    if (!this.#memory.certain || this.#waitedForFacts || after <= (facts.position ?? 0n)) return yield* this.#unlessOutdated(answer);
    this.#waitedForFacts = true;
    yield* call('awaitFacts', after);
    return undefined;
  }

  /** The reply to a dry run: what the command would be answered. */
  *#asIf(decision: Accepted, context: DecideContext): Run<ObjectPort, Reply | undefined> {
    for (const claim of decision.claims ?? []) {
      this.#mustOwn(claim);
      const status = yield* call('peek', claim, context);
      if (status !== undefined) return yield* this.#unlessOutdated(refusal(status));
    }
    const before = this.#memory.state;
    const after = foldFacts(this.#registry, before, decision.facts, context);
    const { command, envelope } = this.#request;
    const preview = previewOf(this.#registry, before, decision, context, keptCommand(command, envelope.actor));
    return yield* this.#unlessOutdated({
      ...this.#success(before, after, decision),
      object: this.#served(preview),
      ...creationOf(preview),
      position: before.position.toString(),
    });
  }

  /**
   * The reply to a repeat: the object as the request left it, whatever came after, as far as this version can read it. That needs its stream from the
   * beginning, which may be long where agents and loops act; they do not ask for the object of then, and get it as it is.
   */
  *#repeated({ requestId, revision }: RecentRequest): Run<ObjectPort, Reply> {
    const { state } = this.#memory;
    if (this.#request.command.verb === 'act') return { ...this.#success(state, state), repeated: true };
    let before = absent(this.#registry, this.#memory.state.key);
    let after = before;
    let last: RecordedEvent | undefined;
    yield* call('replay', this.#stream, (event) => {
      if (event.revision > revision) return false;
      if (event.metadata.requestId !== requestId || event.metadata.append.index === 0) before = after;
      after = follow(this.#registry, after, event, { requests: false });
      last = event;
      return event.revision < revision;
    });
    if (last?.metadata.requestId !== requestId) {
      throw new Error(`request ${requestId} is not at revision ${revision} of "${this.#stream}"`);
    }
    return { ...this.#success(before, after), repeated: true };
  }

  // --- claims -----------------------------------------------------------------------------------------------------------------------------------

  /** The grants in the order of the claims, or the reply with which the command ends here. */
  *#claimAll(claims: readonly Claim[], context: DecideContext): Run<ObjectPort, readonly JsonObject[] | Failed> {
    for (const claim of claims) this.#mustOwn(claim);
    this.#request.progress.began = true;
    const outcomes = yield* call('claim', claims, context);
    const granted = [...this.#granted];
    const grants: JsonObject[] = [];
    let failure: Error | undefined;
    let refused: Status | undefined;
    for (const [index, each] of outcomes.entries()) {
      if (each instanceof Error) failure ??= each;
      else if (each.outcome === 'refused') refused ??= each.status;
      else if (each.outcome === 'granted') {
        grants.push(each.grants);
        if (each.facts.length > 0) granted.push(claims[index] as Claim);
      }
    }
    this.#granted = granted;
    if (failure !== undefined) throw failure;
    if (refused !== undefined) return (yield* call('mayAnswer')) ? refusal(refused) : LAPSED;
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
   * Gives back what an earlier decision claimed and this one does not claim in the same words. That comes before new claims: two claims may overlap in
   * what they hold (the same address, asked for at another revision), and a later release would take it from its user.
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

  /** Sends the releases for streams of this partition. A loop sends the others, which it finds in the append. */
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
    return this.#success(before, after, decision);
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
    this.#memory.certain = false; // Until the outcome is known.
    return yield* call('append', this.#stream, before.revision, events);
  }

  #stateAfter(before: Folded, events: readonly NewEvent[], at: Extract<Appended, { outcome: 'appended' }>): Folded {
    const { firstPosition } = at;
    const stream = this.#stream;
    let revision = at.revision - BigInt(events.length);
    let state = before;
    let position = firstPosition ?? at.position;
    for (const { id, type, data, metadata } of events) {
      revision++;
      state = advance(this.#registry, state, { id, type, data, metadata, stream, revision, position }, WITH_REQUESTS);
      if (firstPosition !== undefined) position++;
    }
    return state;
  }

  // --- the answer -------------------------------------------------------------------------------------------------------------------------------

  #success(before: Folded, after: Folded, { warnings = [] }: Pick<Accepted, 'warnings'> = {}): Reply & { ok: true } {
    const ended = before.status === 'live' && after.status === 'absent';
    return {
      ok: true,
      code: before.status === 'absent' && after.status === 'live' ? 201 : 200,
      object: ended ? asJson(after.object) : this.#served(after),
      position: after.position.toString(),
      ...creationOf(after),
      ...(ended && { ended }),
      ...(warnings.length > 0 && { warnings }),
    };
  }

  /** The object as it is served. Who acts on it (loops, agents) gets it as it is kept: one member more must not cost a list of all. */
  #served(state: Folded): JsonObject {
    const kind = this.#registry.kind(state.key.kind);
    if (kind === undefined || this.#request.command.verb === 'act') return asJson(state.object);
    return asJson(presentationOf(kind, state).parts[0]);
  }
}

function creationOf({ createdBy, unmanaged }: Folded): Pick<Reply & { ok: true }, 'creation'> {
  return createdBy === undefined ? {} : { creation: { createdBy, ...(unmanaged !== undefined && { unmanaged }) } };
}

function textOf({ stream, command }: Claim): string {
  return `${stream} ${JSON.stringify(command)}`;
}
