/**
 * The other reading of a trace: not what the log wanted at a position, but what hosts had acknowledged by then. A host acknowledges tables, by the position of their last
 * change (ADR 33). So of each change of a row on the packet's way it is known whether the hosts that follow its table had it. Where one had not, the packet fared as before that
 * change, or as after it, or in between: then the answer is open, and says so.
 */
import { type Append, EVERYTHING, type Facts, factsOf, type Position } from '@weft/api';
import { FollowedAnswer, type Path, type RowIndex } from '@weft/fabric';
import { Host, hasApplied } from '@weft/network';
import { type Answer, answerTo, sameAnswer } from './answer.ts';
import { follows } from './lag.ts';
import type { PastPart } from './past-fabric.ts';
import type { TraceRequest } from './trace-request.ts';

export type Applied = Readonly<{
  /** `open`: reports leave it open which of `answers` it was. */
  verdict: Answer['verdict'] | 'open';
  reason?: string;
  /** Changes on the way that a host which they concern had not acknowledged, the oldest first. */
  waiting: readonly Readonly<{ position: string; time: string; hosts: readonly string[]; tables: readonly string[] }>[];
  /** What the packet may have met, the oldest first: from which position on the log wanted it. One, unless the answer is open. */
  answers: readonly (Answer & Readonly<{ position: string }>)[];
}>;

type Seen = Readonly<{ answer: Answer; rows: readonly string[]; hosts: readonly string[] }>;
type Step = Readonly<{ append: Append; before: Seen; is: Seen }>;

/** Hosts that come into view further in the past have reports of their own, perhaps older ones. */
const ROUNDS_MAX = 8;

export async function applied(part: PastPart, upTo: Position, request: TraceRequest): Promise<Applied> {
  let from = upTo;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { steps, last, stands, facts } = await walkFrom(part, from, request);
    const oldest = oldestOf(stands, from);
    if (oldest === from) return judged(steps, last, facts, upTo);
    from = oldest;
  }
  throw new Error(`the hosts on the way are not found within ${ROUNDS_MAX} rounds`);
}

function oldestOf(positions: readonly Position[], known: Position): Position {
  let oldest = known;
  for (const position of positions) if (position < oldest) oldest = position;
  return oldest;
}

/** All changes on the way behind a position; how far each host on it had everything at the end. */
function walkFrom(part: PastPart, from: Position, request: TraceRequest) {
  return part.walk(async (fold, world, next) => {
    const followed = new FollowedAnswer(part.registry, world, (rows, facts) => world.asking(() => seen(request, rows, facts)));
    const steps: Step[] = [];
    let last: Seen | undefined;
    for (const append of part.appends) {
      if (append.position > from) last ??= followed.get();
      followed.note(fold.apply(append));
      await next();
      if (append.position <= from) continue;
      const is = followed.get();
      if (last !== undefined && last.rows.join() !== is.rows.join()) steps.push({ append, before: last, is });
      last = is;
    }
    last ??= followed.get();
    const facts = factsOf(world);
    const hosts = new Set([last, ...steps.map(({ before }) => before)].flatMap((each) => each.hosts));
    const stands = [...hosts].map((name) => {
      const host = facts.get(Host, { name });
      return host?.status === 'live' ? BigInt(host.facts.applied?.[EVERYTHING] ?? 0) : from;
    });
    return { steps, last, stands, facts };
  });
}

function seen(request: TraceRequest, rows: RowIndex, facts: Facts): Seen {
  const { answer, paths } = answerTo(request, rows, facts);
  const found = new Set<string>();
  const hosts = new Set<string>();
  for (const step of paths.flatMap(stepsOf)) {
    if (step.host !== '') hosts.add(step.host);
    for (const { table, key, row } of step.rows) found.add(JSON.stringify([table, key, row]));
  }
  return { answer, rows: [...found].sort(), hosts: [...hosts].sort() };
}

const stepsOf = ({ steps, answer }: Path) => [...steps, ...(answer?.steps ?? [])];

function judged(steps: readonly Step[], last: Seen, facts: Facts, upTo: Position): Applied {
  const waiting = steps.flatMap(({ append, before, is }) => {
    const tables = tablesBetween(before, is);
    const position = append.position.toString();
    const lacks = (name: string) => {
      const host = facts.get(Host, { name });
      return host?.status === 'live' && tables.some((table) => follows(host, table) && !hasApplied(host, table, position));
    };
    const hosts = [...new Set([...before.hosts, ...is.hosts])].filter(lacks);
    return hosts.length === 0 ? [] : [{ position, time: append.events[0].metadata.time, hosts, tables }];
  });
  const oldest = BigInt(waiting[0]?.position ?? upTo + 1n);
  const met = steps.filter(({ append }) => append.position >= oldest);
  const answers: (Answer & { position: string })[] = [];
  const add = (answer: Answer, position: Position) => {
    const latest = answers.at(-1);
    if (latest === undefined || !sameAnswer(latest, answer)) answers.push({ ...answer, position: position.toString() });
  };
  const [first] = met;
  if (first === undefined) add(last.answer, upTo);
  else add(first.before.answer, first.append.position - 1n);
  for (const { append, is } of met) add(is.answer, append.position);
  const verdicts = new Set(answers.map(({ verdict }) => verdict));
  const newest = answers.at(-1) as Answer;
  if (verdicts.size > 1) return { verdict: 'open', waiting, answers };
  return { verdict: newest.verdict, ...(newest.reason !== undefined && { reason: newest.reason }), waiting, answers };
}

/** The tables of which the way meets other rows: those that changed, and those that it does not reach any more, or only now. */
function tablesBetween(before: Seen, is: Seen): readonly string[] {
  const [was, are] = [new Set(before.rows), new Set(is.rows)];
  const differ = [...before.rows.filter((row) => !are.has(row)), ...is.rows.filter((row) => !was.has(row))];
  return [...new Set(differ.map((row) => (JSON.parse(row) as readonly [string])[0]))].sort();
}
