/**
 * Objects that are assembled when they are read (ADR 27). What a LoadBalancer selects can be 10,000 interfaces: the fold keeps them as members that join
 * and leave one at a time, and the object as it is described to clients, with a list of all, is made only for whoever asks for it.
 *
 *   fold:  object {metadata, networkRef, destinations: []}, facts {members}
 *   read:  object {metadata, networkRef, destinations: [… of each member]}
 *
 * Loops, indexes and projections read the folded state. Gateways and writers answer with what `presentationOf` gives.
 */
import type { JsonObject } from '../log/json.ts';
import type { Creation } from '../managers/managers.ts';
import type { Folded, KindModule } from './kind.ts';
import type { KindTypes, UntypedKind } from './kind-types.ts';
import type { ApiObject } from './object.ts';

/** How a kind's objects are assembled. Pure. A piece is JSON; made with `assembly`, which keeps its type. */
export type Assembly<T extends KindTypes = UntypedKind> = Readonly<{
  /** What the kept object lacks, in an order that depends on the state alone. */
  pieces: (state: Folded<T>) => readonly JsonObject[];
  /** A copy of the kept object with these pieces in it: all of them, or those of one part. */
  assemble: (object: ApiObject<T>, pieces: readonly JsonObject[]) => ApiObject<T>;
}>;

/** Called as `assembly<Types>()({…})`: the first call names the kind, the second infers the pieces. */
export function assembly<T extends KindTypes>() {
  return <P extends object>(
    made: Readonly<{
      pieces: (state: Folded<T>) => readonly P[];
      assemble: (object: ApiObject<T>, pieces: readonly P[]) => ApiObject<T>;
    }>,
  ): Assembly<T> => made as object as Assembly<T>; // `assemble` is given what `pieces` made, and nothing else.
}

/** Bytes of JSON of one served part at most, the same limit as for objects that clients send. */
export const PART_BYTES_MAX = 900_000;

/** On an object that is served in more than one part: how many there are. Nobody may write it. */
export const PARTS_ANNOTATION = 'fabric.weft.dev/parts';

/** An object as it is served. */
export type Presentation = Readonly<{
  /** With everything in it, however large. */
  whole: ApiObject;
  /** The same in parts of at most 900 kB each; one part is the whole. */
  parts: readonly [ApiObject, ...ApiObject[]];
  /** Whose the object is, while its managers are not stored (`withManagers`). */
  creation: Creation;
}>;

/** What was assembled serves many readers of one state, and is given up when memory is needed: it may be 10 MB. */
const assembled = new WeakMap<Folded, WeakRef<Presentation>>();

/** O(1) for kinds whose objects are not assembled; else O(object) at the first call for a state. */
export function presentationOf(kind: Pick<KindModule, 'assembly'>, state: Folded): Presentation {
  if (kind.assembly === undefined) return asPresented(state.object, state);
  const known = assembled.get(state)?.deref();
  if (known !== undefined) return known;
  const made = present(kind.assembly, state);
  assembled.set(state, new WeakRef(made));
  return made;
}

/** An object that came from elsewhere, as it is to be served. */
export function asPresented(object: ApiObject, creation: Creation = {}): Presentation {
  return { whole: object, parts: [object], creation };
}

function present({ pieces, assemble }: Assembly, state: Folded): Presentation {
  const { object } = state;
  const all = pieces(state);
  const whole = assemble(object, all);
  if (all.length === 0 || bytesOf(whole) <= PART_BYTES_MAX) return asPresented(whole, state);
  const [first, ...more] = inParts(all, PART_BYTES_MAX - bytesOf(assemble(object, [])) - ANNOTATION_BYTES);
  const annotated = withParts(object, more.length + 1);
  return { whole, parts: [assemble(annotated, first), ...more.map((part) => assemble(annotated, part))], creation: state };
}

function inParts(pieces: readonly JsonObject[], bytesMax: number): [readonly JsonObject[], ...(readonly JsonObject[])[]] {
  const first: JsonObject[] = [];
  const parts: [JsonObject[], ...JsonObject[][]] = [first];
  let part = first;
  let bytes = 0;
  for (const piece of pieces) {
    const size = bytesOf(piece) + 1; // And a comma.
    if (bytes + size > bytesMax && part.length > 0) {
      parts.push((part = []));
      bytes = 0;
    }
    part.push(piece);
    bytes += size;
  }
  return parts;
}

function withParts(object: ApiObject, count: number): ApiObject {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, [PARTS_ANNOTATION]: `${count}` } } };
}

/** Room for the annotation, where an object has none yet. */
const ANNOTATION_BYTES = 100;

const bytesOf = (value: object) => Buffer.byteLength(JSON.stringify(value));
