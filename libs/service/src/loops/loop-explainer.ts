/**
 * Answers `weft.explain.<context>`: what a control loop of the context owes about a key, what it has read, and what is being done about it; or what all
 * of them owe in one correlation.
 */
import type { Context } from '@weft/api';
import { type Bus, type BusSubscription, encodeJson, subjects } from '@weft/bus';
import { type Explained, explainText } from '@weft/derive';
import type { Part } from '../platform.ts';
import type { LoopExplanation, LoopRunner, OwedIn } from './loop-runner.ts';

/** Values are cut to so many characters, so that the answer fits into a message. */
const VALUE_MAX = 1_000;

const decoder = new TextDecoder();

export class LoopExplainer implements Part {
  readonly name: string;
  readonly #context: Context;
  readonly #bus: Bus;
  readonly #loops: LoopRunner;
  #subscription: BusSubscription | undefined;

  constructor(context: Context, bus: Bus, loops: LoopRunner) {
    this.name = `explanations of ${context}`;
    this.#context = context;
    this.#bus = bus;
    this.#loops = loops;
  }

  /** Every replica asks its loops, so any of them can answer. */
  async start(): Promise<void> {
    this.#subscription = this.#bus.serve(subjects.explain(this.#context), ({ data }) => {
      const { loop, key, owedIn } = JSON.parse(decoder.decode(data)) as Readonly<{ loop?: unknown; key?: unknown; owedIn?: unknown }>;
      if (typeof owedIn === 'string') return encodeJson(readableOwed(this.#loops.owedIn(owedIn)));
      const found = this.#loops.explain(String(loop), String(key));
      return encodeJson(found === undefined ? {} : answerOf(found));
    });
  }

  async stop(): Promise<void> {
    await this.#subscription?.stop();
  }

  problems(): readonly string[] {
    return [];
  }
}

/** The explanation as JSON, and as text for people. */
function answerOf(found: LoopExplanation): object {
  const { position, answer, ...rest } = found;
  return { ...rest, position: position.toString(), ...(answer && { answer: readable(answer) }), text: textOf(found) };
}

function readableOwed({ position, askedTo, ...rest }: OwedIn): object {
  return { ...rest, position: position.toString(), ...(askedTo !== undefined && { askedTo: askedTo.toString() }) };
}

function readable({ value, causes, reads, ...rest }: Explained): object {
  return {
    ...rest,
    ...(value !== undefined && { value: short(value) }),
    ...(causes && { causes: causes.map(({ position, eventId }) => ({ position: position.toString(), eventId })) }),
    ...(reads && { reads: reads.map(readable) }),
  };
}

/** As it is, or its beginning as text. */
function short(value: unknown): unknown {
  const json = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part)) ?? 'null';
  return json.length > VALUE_MAX ? `${json.slice(0, VALUE_MAX)}…` : JSON.parse(json);
}

function textOf({ loop, key, context, position, state, awaits, answer, sends, attempt }: LoopExplanation): string {
  const lines = [`loop ${loop} of ${context} about ${key}, at position ${position}: ${STATES[state]}`];
  if (awaits !== undefined) lines.push(`it awaits the first of ${awaits.join(', ')}, and owes nothing before`);
  if (attempt !== undefined) lines.push(`sent ${attempt.attempts} times, next in ${attempt.waitMs} ms at the earliest: ${attempt.why}`);
  if (!sends) lines.push('another replica sends what is owed');
  if (answer !== undefined && state !== 'absent')
    lines.push(answer.value === undefined ? 'it owes nothing' : 'it owes:', explainText(answer));
  return lines.join('\n');
}

const STATES: Readonly<Record<LoopExplanation['state'], string>> = {
  dormant: 'not asked about anything yet',
  absent: 'there is nothing of this key to ask about',
  waits: 'waits to be asked (again); what follows is its last answer',
  held: 'its commands are under way; what follows is what was owed before',
  asked: 'asked, and nothing that it read has changed since',
};
