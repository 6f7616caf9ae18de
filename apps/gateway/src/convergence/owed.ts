/** What loops still owe because of a change: asked of the services of all contexts, which know (`weft.explain.<context>`). */
import type { Context, Position } from '@weft/api';
import { type Bus, decodeJsonObject, encodeJson, subjects } from '@weft/bus';

/** One thing that is owed, or what keeps its being known. */
export type Owed = Readonly<{ context: Context; loop?: string; key?: string; why?: string }>;
export type OwedAnswer = Readonly<{
  /** Empty: no loop owes anything, as of `position`. */
  owed: readonly Owed[];
  /** A service that answered had read the log so far: what it wrote stands before. */
  position: Position;
}>;

const ANSWER_MS_MAX = 2_000;

/** Asks about a correlation whose last append stands at `last`. A service that has not read so far, or is still asking its loops, counts as owing. */
export async function owedIn(bus: Bus, contexts: readonly Context[], correlation: string, last: Position): Promise<OwedAnswer> {
  const answers = await Promise.all(contexts.map((context) => askOne(bus, context, correlation, last)));
  const positions = answers.map(({ position }) => position).sort((a, b) => (a < b ? -1 : 1));
  return { owed: answers.flatMap(({ owed }) => owed), position: positions.at(-1) ?? 0n };
}

async function askOne(bus: Bus, context: Context, correlation: string, last: Position): Promise<OwedAnswer> {
  try {
    const answer = decodeJsonObject(
      await bus.request(subjects.explain(context), encodeJson({ owedIn: correlation }), { timeoutMs: ANSWER_MS_MAX }),
      'what is owed',
    );
    const { owed, askedTo, position } = answer as Readonly<{
      owed?: readonly Omit<Owed, 'context'>[];
      askedTo?: string;
      position?: string;
    }>;
    // A service of an older version does not understand the question.
    if (owed === undefined || position === undefined) return unknown(context, 'its service does not tell what is owed');
    if (owed.length > 0) return { owed: owed.map((each) => ({ context, ...each })), position: BigInt(position) };
    if (askedTo === undefined || BigInt(askedTo) < last)
      return unknown(context, `its loops are still being asked (its service is at position ${position})`);
    return { owed: [], position: BigInt(position) };
  } catch (error) {
    return unknown(context, `its service does not answer: ${(error as Error).message}`);
  }
}

function unknown(context: Context, why: string): OwedAnswer {
  return { owed: [{ context, why }], position: 0n };
}
