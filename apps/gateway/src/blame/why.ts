/**
 * Whose commands a verdict rests on: a minimal set of commands without which it would be the other one. It is found by leaving commands out (`withoutCommands`)
 * and asking again, and so it is proven: without the set the packet fares otherwise, and with any one of it put back it fares as it does.
 */
import type { Append, RecordedEvent } from '@weft/api';
import { keyOfStream } from '@weft/api';
import { type Answer, answerOf } from '../trace/answer.ts';
import type { PastPart } from '../trace/past-fabric.ts';
import { type ToldEvent, toldEvent } from '../trace/trace.ts';
import type { TraceRequest } from '../trace/trace-request.ts';
import { type CommandId, isOfLoop, withoutCommands } from './without-commands.ts';

export type Why = Readonly<{
  /** The newest first; none: no command that is known is the reason, or no set of them was found within `trials`. */
  commands: readonly ToldEvent[];
  /** What it would be without them. */
  without?: Answer;
  /** How often something was left out and asked again. */
  trials: number;
  /** Whether there was a set, or all were tried that are: at most 250, for ten seconds. */
  isComplete: boolean;
}>;

const TRIALS_MAX = 250;

/** Whether the packet arrives: a packet that cannot be sent does not. */
const arrives = ({ verdict }: Answer): boolean => verdict === 'delivered';

export async function why(part: PastPart, request: TraceRequest): Promise<Why> {
  const ask = (rows: Parameters<typeof answerOf>[1], facts: Parameters<typeof answerOf>[2]) => answerOf(request, rows, facts);
  const asked = new Set<string>();
  const now = await part.answer(ask, { asked });
  await part.addCommandsBehind(asked);
  const candidates = candidatesIn(part.appends, asked);
  const hasTime = () => part.hasTime;
  const search = new Search(hasTime, async (set) => {
    const answer = await part.answer(ask, { kept: (appends) => withoutCommands(part.registry, appends, set) });
    return arrives(answer) === arrives(now) ? undefined : answer;
  });
  const set = await search.minimal(candidates);
  const commands = candidates.filter(({ id }) => set?.has(id));
  const without = set && (await search.without(set));
  return {
    commands: commands.map(({ event }) => toldEvent(event)),
    ...(without !== undefined && { without }),
    trials: search.trials,
    isComplete: search.isComplete,
  };
}

type Candidate = Readonly<{ id: CommandId; event: RecordedEvent; kind: string }>;

/**
 * Commands of people and clients, and the registrations of hosts, which are known by what they wrote to these streams: the newest first. What agents report is no
 * command.
 */
function candidatesIn(appends: readonly Append[], streams: ReadonlySet<string>): readonly Candidate[] {
  const found = new Map<CommandId, Candidate>();
  for (const { stream, events } of appends) {
    const [event] = events;
    const kind = keyOfStream(stream)?.kind;
    if (kind === undefined || !streams.has(stream) || isOfLoop(event)) continue;
    if (event.metadata.actor.user.startsWith('system:host:') && !events.some(({ type }) => type.endsWith('Created.v1'))) continue;
    found.set(event.metadata.requestId, { id: event.metadata.requestId, event, kind });
  }
  return [...found.values()].reverse();
}

class Search {
  trials = 0;
  isComplete = true;
  readonly #hasTime: () => boolean;
  /** The other answer, without a set; undefined when it is the same. */
  readonly #other: (set: ReadonlySet<CommandId>) => Promise<Answer | undefined>;
  readonly #known = new Map<string, Answer | undefined>();

  constructor(hasTime: () => boolean, other: (set: ReadonlySet<CommandId>) => Promise<Answer | undefined>) {
    this.#hasTime = hasTime;
    this.#other = other;
  }

  async without(set: ReadonlySet<CommandId>): Promise<Answer | undefined> {
    const key = [...set].sort().join();
    if (!this.#known.has(key)) {
      this.trials++;
      this.#known.set(key, await this.#other(set));
    }
    return this.#known.get(key);
  }

  async minimal(candidates: readonly Candidate[]): Promise<ReadonlySet<CommandId> | undefined> {
    for (const set of setsOf(candidates)) {
      if (this.trials >= TRIALS_MAX || !this.#hasTime()) {
        this.isComplete = false;
        return undefined;
      }
      if ((await this.without(set)) !== undefined) return this.#smaller(set);
    }
    return undefined;
  }

  /** Puts back what is not needed, until every one is. */
  async #smaller(set: ReadonlySet<CommandId>): Promise<ReadonlySet<CommandId>> {
    for (const id of [...set].reverse()) {
      const less = new Set(set);
      less.delete(id);
      if (less.size > 0 && (await this.without(less)) !== undefined) return this.#smaller(less);
    }
    return set;
  }
}

/**
 * Single commands; then what several did together: all that was done to objects of one kind, all but what brought about the ends of the packet and what is between
 * them, all that is newer than a point, any two.
 */
function* setsOf(candidates: readonly Candidate[]): Iterable<ReadonlySet<CommandId>> {
  const ids = candidates.map(({ id }) => id);
  const those = (are: (candidate: Candidate) => boolean) => new Set(candidates.filter(are).map(({ id }) => id));
  for (const id of ids) yield new Set([id]);
  for (const of of new Set(candidates.map(({ kind }) => kind))) yield those(({ kind }) => kind === of);
  yield those(({ kind, event }) => kind === 'NetworkPolicy' || event.type !== `${kind}Created.v1`);
  for (let newest = 2; newest < ids.length; newest++) yield new Set(ids.slice(0, newest));
  for (const [i, one] of ids.entries()) for (const other of ids.slice(i + 1)) yield new Set([one, other]);
}
