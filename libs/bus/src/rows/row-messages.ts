/**
 * Messages between projector and subscribers, and their bytes: a JSON header in the first line, then one line per row. Long ones are deflated.
 *
 *   delta     from one state of a table to the next; a large one in parts
 *   progress  numbered: how far the projector has read, and the states of the tables that changed since the previous number
 *   chunk     a piece of a table, as it is while it is read; deltas may come between the pieces
 *   ask       for the states of tables ('revs'), or for chunks ('snapshot'); answered by `revs`, or by `queued`
 */
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { DecodeError, utf8Text } from '../json-codec.ts';
import type { TableState } from './row-table.ts';

/** `earlier`: of progress, the revs at which the table changed since the last message, but for the newest, which is its state's; the newest ones of many. */
export type TableEntry = Readonly<{ table: string; state: TableState; earlier?: readonly bigint[] }>;

export type DeltaMessage = Readonly<{
  kind: 'delta';
  term: string;
  table: string;
  from: TableState;
  to: TableState;
  /** From 0. */
  part: number;
  parts: number;
  lines: readonly string[];
}>;
export type ProgressMessage = Readonly<{
  kind: 'progress';
  term: string;
  /** From 1, one more each time. */
  number: number;
  previous: number;
  upTo: bigint;
  changed: readonly TableEntry[];
}>;
export type ChunkMessage = Readonly<{
  kind: 'chunk';
  term: string;
  table: string;
  /** Which reading of the table; grows within a term. */
  snapshot: number;
  /** From 0. */
  index: number;
  last: boolean;
  /** State of the table when the chunk was made. */
  state: TableState;
  /** Number of the last progress message sent before. */
  number: number;
  lines: readonly string[];
}>;
export type RevsMessage = Readonly<{
  kind: 'revs';
  term: string;
  /** Number and position of the last progress message sent before. */
  number: number;
  upTo: bigint;
  /** One for each table asked for; a table that the projector does not have is empty. */
  states: readonly TableEntry[];
}>;
export type AskMessage = Readonly<{ kind: 'ask'; what: 'revs' | 'snapshot'; tables: readonly string[] }>;
export type QueuedMessage = Readonly<{ kind: 'queued'; term: string }>;

export type RowMessage = DeltaMessage | ProgressMessage | ChunkMessage | RevsMessage | AskMessage | QueuedMessage;

const DEFLATED = 1;
/** Shorter ones gain little. */
const DEFLATE_BYTES_MIN = 8 * 1024;
/** Against a small message that inflates to a huge one. */
const INFLATED_BYTES_MAX = 64 * 1024 * 1024;

export function encodeRowMessage(message: RowMessage): Uint8Array {
  const header = JSON.stringify(headerOf(message));
  const lines = 'lines' in message ? message.lines : [];
  const plain = Buffer.from(lines.length === 0 ? header : `${header}\n${lines.join('\n')}`, 'utf8');
  if (plain.length < DEFLATE_BYTES_MIN) return plain;
  return Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(plain, { level: constants.Z_BEST_SPEED })]);
}

/** Throws a DecodeError. Does not look into the lines. */
export function decodeRowMessage(bytes: Uint8Array): RowMessage {
  const plain = bytes[0] === DEFLATED ? inflate(bytes.subarray(1)) : bytes;
  const text = utf8Text(plain, 'a rows message');
  const end = text.indexOf('\n');
  let header: unknown;
  try {
    header = JSON.parse(end < 0 ? text : text.slice(0, end));
  } catch (cause) {
    throw new DecodeError('a rows message', `its header is not JSON: ${text.slice(0, 80)}`, { cause });
  }
  if (typeof header !== 'object' || header === null) throw new DecodeError('a rows message', 'its header is no object');
  return messageOf(header as Header, end < 0 ? [] : text.slice(end + 1).split('\n'));
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: INFLATED_BYTES_MAX });
  } catch (cause) {
    throw new DecodeError('a rows message', `cannot be unfolded (${bytes.length} bytes)`, { cause });
  }
}

type Header = { readonly [name: string]: unknown };

function headerOf(message: RowMessage): Header {
  switch (message.kind) {
    case 'delta': {
      const { term, table, from, to, part, parts } = message;
      return { k: 'delta', t: term, b: table, f: stateToWire(from), a: stateToWire(to), ...(parts === 1 ? {} : { p: part, q: parts }) };
    }
    case 'progress': {
      const { term, number, previous, upTo, changed } = message;
      return { k: 'progress', t: term, n: number, v: previous, u: String(upTo), e: changed.map(entryToWire) };
    }
    case 'chunk': {
      const { term, table, snapshot, index, last, state, number } = message;
      return { k: 'chunk', t: term, b: table, s: snapshot, i: index, l: last, a: stateToWire(state), n: number };
    }
    case 'revs': {
      const { term, number, upTo, states } = message;
      return { k: 'revs', t: term, n: number, u: String(upTo), e: states.map(entryToWire) };
    }
    case 'ask':
      return { k: 'ask', w: message.what, b: message.tables };
    case 'queued':
      return { k: 'queued', t: message.term };
  }
}

function messageOf(header: Header, lines: readonly string[]): RowMessage {
  const term = () => textOf(header, 't');
  switch (header['k']) {
    case 'delta': {
      const [part, parts] = [header['p'] === undefined ? 0 : countOf(header, 'p'), header['q'] === undefined ? 1 : countOf(header, 'q')];
      const [from, to] = [stateOf(header['f']), stateOf(header['a'])];
      return { kind: 'delta', term: term(), table: textOf(header, 'b'), from, to, part, parts, lines };
    }
    case 'progress': {
      const [number, previous] = [countOf(header, 'n'), countOf(header, 'v')];
      return { kind: 'progress', term: term(), number, previous, upTo: positionOf(header['u']), changed: entriesOf(header) };
    }
    case 'chunk': {
      const [snapshot, index, number] = [countOf(header, 's'), countOf(header, 'i'), countOf(header, 'n')];
      const last = header['l'];
      if (typeof last !== 'boolean') throw unexpected('l', last);
      return { kind: 'chunk', term: term(), table: textOf(header, 'b'), snapshot, index, last, state: stateOf(header['a']), number, lines };
    }
    case 'revs':
      return { kind: 'revs', term: term(), number: countOf(header, 'n'), upTo: positionOf(header['u']), states: entriesOf(header) };
    case 'ask': {
      const [what, tables] = [header['w'], header['b']];
      if (what !== 'revs' && what !== 'snapshot') throw unexpected('w', what);
      if (!Array.isArray(tables) || !tables.every((table) => typeof table === 'string')) throw unexpected('b', tables);
      return { kind: 'ask', what, tables };
    }
    case 'queued':
      return { kind: 'queued', term: term() };
    default:
      throw unexpected('k', header['k']);
  }
}

function unexpected(field: string, value: unknown): DecodeError {
  return new DecodeError('a rows message', `its field ${field} is ${JSON.stringify(value)?.slice(0, 80) ?? 'missing'}`);
}

function textOf(header: Header, field: string): string {
  const value = header[field];
  if (typeof value !== 'string') throw unexpected(field, value);
  return value;
}

function countOf(header: Header, field: string): number {
  const value = header[field];
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw unexpected(field, value);
  return value as number;
}

function positionOf(value: unknown): bigint {
  if (typeof value !== 'string' || !/^\d{1,39}$/.test(value)) throw unexpected('position', value);
  return BigInt(value);
}

function stateToWire({ rev, digest }: TableState): [string, string] {
  return [String(rev), digest];
}

function stateOf(value: unknown): TableState {
  const [rev, digest] = Array.isArray(value) ? value : [];
  if (typeof digest !== 'string') throw unexpected('state', value);
  return { rev: positionOf(rev), digest };
}

function entryToWire({ table, state, earlier = [] }: TableEntry): readonly unknown[] {
  return [table, String(state.rev), state.digest, ...(earlier.length > 0 ? [earlier.map(String)] : [])];
}

function entriesOf(header: Header): TableEntry[] {
  const entries = header['e'];
  if (!Array.isArray(entries)) throw unexpected('e', entries);
  return entries.map((entry) => {
    const [table, rev, digest, earlier] = Array.isArray(entry) ? entry : [];
    if (typeof table !== 'string') throw unexpected('e', entry);
    return { table, state: stateOf([rev, digest]), ...(Array.isArray(earlier) && { earlier: earlier.map(positionOf) }) };
  });
}
