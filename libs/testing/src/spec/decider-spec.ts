/** given (past facts) / when (a command) / then (facts or a refusal), for deciders of kinds and of reservation streams. */
import {
  type Accepted,
  type Claim,
  type DecideContext,
  decideObject,
  type Fact,
  type Facts,
  type FactsView,
  type Folded,
  factsOf as factsOfView,
  foldStream,
  type JsonObject,
  type ObjectCommand,
  type ObjectKey,
  type RecordedEvent,
  type Registry,
  type ReservationModule,
  type Status,
  streamOf,
  toEvents,
  uuidv5,
} from '@weft/api';

export const SPEC_NOW = '2026-01-02T03:04:05.678Z';
export const SPEC_REQUEST = 'aaaaaaaa-0000-4000-8000-000000000001';
const PAST_REQUEST = 'aaaaaaaa-0000-4000-8000-000000000000';

/** Facts for a decision: the other streams hold just these objects. */
export function factsOf(states: readonly Folded[] = [], by: FactsView['by'] = () => [], position: bigint = 1_000n): Facts {
  const found = new Map(states.map((state) => [streamOf(state.key), state]));
  return factsOfView({
    position,
    get: (key) => found.get(streamOf(key)),
    list: (kind) => states.filter((state) => state.key.kind === kind && state.status === 'live'),
    by,
  });
}

export function contextOf(more: Partial<DecideContext> = {}): DecideContext {
  return {
    now: SPEC_NOW,
    requestId: SPEC_REQUEST,
    derive: (label) => uuidv5(SPEC_REQUEST, label),
    facts: factsOf(),
    ...more,
  };
}

/** The recorded events of these facts: each is an append of its own, ten positions after the one before. */
export function recorded(stream: string, facts: readonly Fact[], uid?: string): RecordedEvent[] {
  return facts.map((fact, index) => {
    const cause = {
      requestId: PAST_REQUEST,
      actor: { user: 'tester', verified: false },
      correlationId: PAST_REQUEST,
      causationId: PAST_REQUEST,
    };
    const target = {
      stream,
      expected: index === 0 ? ('none' as const) : BigInt(index - 1),
      now: '2026-01-01T00:00:00.000Z',
      ...(uid !== undefined && { uid }),
    };
    const [event] = toEvents([fact], cause, target);
    return { ...(event as RecordedEvent), stream, revision: BigInt(index), position: BigInt(index + 1) * 10n };
  });
}

type Decided = Readonly<{ outcome: 'accepted' | 'rejected' | 'repeated'; decision?: Accepted; status?: Status; facts: readonly Fact[] }>;

class Then {
  readonly #decided: Decided;
  constructor(decided: Decided) {
    this.#decided = decided;
  }

  /** Expects exactly these facts, including those that depend on grants (which are `{}` each). */
  thenFacts(...facts: readonly Fact[]): Decided {
    expect(this.#decided.status).toBeUndefined();
    expect(this.#decided.facts).toEqual(facts);
    return this.#decided;
  }

  thenNothing(): Decided {
    return this.thenFacts();
  }

  thenTypes(...types: readonly string[]): Decided {
    expect(this.#decided.status).toBeUndefined();
    expect(this.#decided.facts.map(({ type }) => type)).toEqual(types);
    return this.#decided;
  }

  thenRejected(code: number, part?: string | RegExp): Decided {
    expect(this.#decided.status?.code).toBe(code);
    if (part !== undefined) expect(this.#decided.status?.message).toMatch(part);
    return this.#decided;
  }

  thenClaims(...claims: readonly Partial<Claim>[]): Decided {
    expect(this.#decided.decision?.claims ?? []).toMatchObject(claims);
    return this.#decided;
  }

  get decided(): Decided {
    return this.#decided;
  }
}

/** A specification of one object: `given(facts…).when(command).thenFacts(facts…)`. */
export function specFor(registry: Registry, key: ObjectKey) {
  return (...past: readonly Fact[]) => {
    const state = foldStream(registry, key, recorded(streamOf(key), past));
    return {
      state,
      when: (command: ObjectCommand, more: Partial<DecideContext> = {}): Then => {
        const decision = decideObject(registry, command, state, contextOf(more));
        if (decision.outcome === 'rejected') return new Then({ outcome: 'rejected', status: decision.status, facts: [] });
        if (decision.outcome === 'repeated') return new Then({ outcome: 'repeated', facts: [] });
        const grants = (decision.claims ?? []).map((): JsonObject => ({}));
        return new Then({ outcome: 'accepted', decision, facts: [...decision.facts, ...(decision.whenGranted?.(grants) ?? [])] });
      },
    };
  };
}

/** A specification of a reservation stream. */
export function specForReservation<S>(module: ReservationModule<S>, stream: string) {
  return (...past: readonly Fact[]) => {
    const state = recorded(stream, past).reduce((before, event) => module.evolve(before, event), module.initial());
    return {
      state,
      when: (command: JsonObject & { type: string }, more: Partial<DecideContext> = {}): Then => {
        const decision = module.decide(command, state, contextOf(more));
        if (decision.outcome === 'rejected') return new Then({ outcome: 'rejected', status: decision.status, facts: [] });
        return new Then({ outcome: 'accepted', decision, facts: decision.facts });
      },
    };
  };
}
