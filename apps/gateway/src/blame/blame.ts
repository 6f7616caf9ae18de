/**
 * Since when is it so, and by whose command: every position at which the answer to a trace changed. The trace is followed through the streams that it reads,
 * and asked again only where one of them brings something that it has read (`FollowedAnswer`), so no other position is tried.
 */
import { type Append, isWeft, type Position, type RecordedEvent } from '@weft/api';
import { FollowedAnswer } from '@weft/fabric';
import { type Answer, answerOf, sameAnswer } from '../trace/answer.ts';
import type { PastPart } from '../trace/past-fabric.ts';
import { type ToldEvent, toldEvent } from '../trace/trace.ts';
import type { TraceRequest } from '../trace/trace-request.ts';
import { toldUnexplained, type Unexplained, unreadable, withoutCommand } from '../trace/unexplained.ts';

export type BlameChange = Answer &
  Readonly<{
    /** Since when it is so. */
    position: string;
    time: string;
    before: Answer;
    /** The first event of the append that changed it. */
    event: ToldEvent;
    /** What a person, or an agent, asked for, where a control loop did it: the first event of that command, unless that stands far before it in the log. */
    cause?: ToldEvent;
  }>;

export type Blame = Readonly<{
  request: TraceRequest;
  /** The answer at this position. */
  position: string;
  now: Answer;
  /** The newest first. */
  changes: readonly BlameChange[];
  /** What of the answer, or of these changes, the log does not explain. */
  unexplained?: readonly Unexplained[];
  /** Whether there are older ones. */
  more: boolean;
  /** How many events were read, and how often the question was asked of them. */
  events: number;
  asked: number;
}>;

export type BlameLimits = Readonly<{ limit: number; since?: Position | undefined }>;

export async function blame(part: PastPart, upTo: Position, request: TraceRequest, { limit, since = 0n }: BlameLimits): Promise<Blame> {
  const walked = await part.walk(async (fold, world, next) => {
    const followed = new FollowedAnswer(part.registry, world, (rows, facts) => world.asking(() => answerOf(request, rows, facts)));
    const changes: { append: Append; before: Answer; is: Answer }[] = [];
    let last: Answer | undefined;
    for (const append of part.appends) {
      if (append.position > since) last ??= followed.get();
      followed.note(fold.apply(append));
      await next();
      if (append.position <= since) continue;
      const is = followed.get();
      if (last !== undefined && !sameAnswer(last, is)) changes.push({ append, before: last, is });
      last = is;
    }
    const damaged = Array.from(fold.all(), unreadable);
    return { now: last ?? followed.get(), changes, asked: followed.asked, damaged };
  });
  const { now, changes, asked, damaged } = walked;
  const told = changes.slice(-limit).reverse();
  const firsts = await causesOf(part, told);
  return {
    request,
    position: upTo.toString(),
    now,
    changes: told.map(({ append, before, is }) => ({ ...is, before, ...toldChange(append, firsts) })),
    ...toldUnexplained([...damaged, ...told.map(({ append }) => withoutCommand(part.registry, append.events[0]))]),
    more: changes.length > limit,
    events: part.events,
    asked,
  };
}

/** The first events of requests, also of those on whose account control loops changed it, and which the answer itself does not rest on. */
async function causesOf(part: PastPart, told: readonly Readonly<{ append: Append }>[]): Promise<ReadonlyMap<string, RecordedEvent>> {
  const firsts = firstsOf(part.appends);
  const wanted = told.flatMap(({ append: { position, events } }): [string, Position][] => {
    const { actor, $correlationId } = events[0].metadata;
    return isWeft(actor) && !firsts.has($correlationId) ? [[$correlationId, position]] : [];
  });
  return new Map([...firsts, ...(await part.commandsBefore(new Map(wanted)))]);
}

function toldChange({ position, events: [event] }: Append, firsts: ReadonlyMap<string, RecordedEvent>) {
  const { time, $correlationId, actor } = event.metadata;
  const cause = isWeft(actor) ? firsts.get($correlationId) : undefined;
  return {
    position: position.toString(),
    time,
    event: toldEvent(event),
    ...(cause !== undefined && cause !== event && { cause: toldEvent(cause) }),
  };
}

/** The first event of each request, of its object rather than of what that reserved. */
export function firstsOf(appends: readonly Append[]): ReadonlyMap<string, RecordedEvent> {
  const firsts = new Map<string, RecordedEvent>();
  for (const {
    events: [event],
  } of appends) {
    const { requestId, command } = event.metadata;
    if (command !== undefined || !firsts.has(requestId)) firsts.set(requestId, event);
  }
  return firsts;
}
