/** What a value depends on: a tree of reads, as data or as text. */
import { Alarm } from './alarms.ts';
import { type Cause, NewestCauses } from './cause.ts';
import { type Collection, Derived } from './collection.ts';
import { LensNode } from './lenses.ts';
import { Bucket, BucketPart, Cell, FirstKeys, type Node } from './node.ts';

export type Explained = Readonly<{
  /** What was read: `hosts a`, `hosts a . number`, `nics by host a: keys`. */
  what: string;
  value?: unknown;
  fault?: string;
  /** Only for values of a source: those of a derived value are the ones of its reads. */
  causes?: readonly Cause[];
  /** Number of members that were read; `reads` shows some of them. */
  members?: number;
  reads?: readonly Explained[];
}>;

/** At most so many members and reads of one value are shown. */
const SHOWN_MAX = 20;

export function explainKey(of: Collection<unknown>, key: string, depth: number): Explained {
  const value = of.get(key);
  const what = `${of.name} ${key}`;
  if (!(of instanceof Derived)) return { what, value, ...ofSource(value, (causes) => of.addCauses(key, value, causes)) };
  const fault = of.faults.get(key)?.message;
  const cell = of.findCell(key);
  const reads =
    depth <= 0 || cell === undefined ? {} : { reads: cell.reads.slice(0, SHOWN_MAX).map((read) => explainRead(read, depth - 1)) };
  return { what, value, ...(fault === undefined ? {} : { fault }), ...reads };
}

function explainRead(read: Node, depth: number): Explained {
  if (read instanceof Cell) return explainKey(read.of, read.key, depth);
  if (read instanceof LensNode) return explainLens(read, depth);
  if (read instanceof BucketPart) return explainMembers(read.bucket, read.part, depth);
  if (read instanceof FirstKeys) return explainMembers(read.bucket, `first ${read.n}`, depth);
  return { what: read instanceof Alarm ? `until ${read.at}` : 'something' };
}

function explainLens({ holder, lens, arg }: LensNode, depth: number): Explained {
  const part = arg === '' ? lens.name : `${lens.name}(${arg})`;
  if (holder instanceof Bucket) return explainMembers(holder, part, depth);
  if (!(holder instanceof Cell)) return { what: part };
  const { of, key } = holder;
  const value = of.get(key);
  const seen = value === undefined ? undefined : lens.of(value, arg);
  const below = of instanceof Derived && depth > 0 ? { reads: [explainKey(of, key, depth - 1)] } : {};
  const causes = of instanceof Derived ? {} : ofSource(value, (into) => of.addLensCauses(key, value, lens, arg, into));
  return { what: `${of.name} ${key} . ${part}`, value: seen, ...causes, ...below };
}

function explainMembers({ of, value }: Bucket, part: string, depth: number): Explained {
  const what = `${of.name} ${value}: ${part}`;
  const members = of.count(value);
  if (part !== 'rows' || depth <= 0) return { what, members };
  const reads: Explained[] = [];
  for (const filing of of.filings) {
    for (const [key] of filing.members(value)) if (reads.length < SHOWN_MAX) reads.push(explainKey(filing.of, key, depth - 1));
  }
  return { what, members, reads };
}

function ofSource(value: unknown, add: (into: NewestCauses) => void): Pick<Explained, 'causes'> {
  if (value === undefined) return {};
  const causes = new NewestCauses(SHOWN_MAX);
  add(causes);
  const list = causes.list();
  return list.length === 0 ? {} : { causes: list };
}

export function explainText({ what, value, fault, causes, members, reads }: Explained, indent = ''): string {
  const is = members === undefined ? (what.startsWith('until ') ? '' : ` = ${text(value)}`) : ` (${members} members)`;
  const thrown = fault === undefined ? '' : `, threw: ${fault}`;
  const because = causes === undefined ? '' : ` because ${causes.map(({ position, eventId }) => `${eventId}@${position}`).join(', ')}`;
  return [`${indent}${what}${is}${thrown}${because}`, ...(reads ?? []).map((read) => explainText(read, `${indent}  `))].join('\n');
}

function text(value: unknown): string {
  const json = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  return json === undefined ? 'absent' : json.length > 120 ? `${json.slice(0, 117)}...` : json;
}
