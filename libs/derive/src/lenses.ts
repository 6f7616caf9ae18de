/** Lenses in use: parts of one value, or of the members of a bucket, that somebody reads. */

import { each, type Few, minus, plus } from '@weft/api';
import type { Collection } from './collection.ts';
import { Node } from './node.ts';
import { sameValue } from './same.ts';
import { facetsOf, type Lens } from './source.ts';

export type AnyLens = Lens<unknown, unknown>;

export interface LensHolder {
  lenses: Lenses;
  tidy(): void;
  /** Counts lenses that come and go, so that an index knows which facets matter to it. */
  readonly of: Readonly<{ facetsInUse?: FacetsInUse | undefined }>;
}

export class LensNode extends Node {
  readonly holder: LensHolder;
  readonly lens: AnyLens;
  readonly arg: string;

  constructor(holder: LensHolder, lens: AnyLens, arg: string) {
    super();
    this.holder = holder;
    this.lens = lens;
    this.arg = arg;
  }

  protected override unread(): void {
    removeLens(this);
  }
}

/** A value has few lenses as a rule, which a list holds in a tenth of the memory of a set. */
export type Lenses = LensNode | readonly LensNode[] | LensSet | undefined;

const LIST_MAX = 8;

/** Many lens nodes, found by lens and argument, and by facet: a change evaluates only lenses of facets that changed, however many there are. */
class LensSet {
  readonly #byLens = new Map<AnyLens, Map<string, LensNode>>();
  readonly #byFacet = new Map<string, Few<LensNode>>();
  readonly #withoutFacets = new Set<LensNode>();

  constructor(nodes: readonly LensNode[]) {
    for (const node of nodes) this.add(node);
  }

  find(lens: AnyLens, arg: string): LensNode | undefined {
    return this.#byLens.get(lens)?.get(arg);
  }

  add(node: LensNode): void {
    const { lens, arg } = node;
    const byArg = this.#byLens.get(lens);
    if (byArg === undefined) this.#byLens.set(lens, new Map([[arg, node]]));
    else byArg.set(arg, node);
    const facets = facetsOf(lens, arg);
    if (facets === undefined) this.#withoutFacets.add(node);
    for (const facet of facets ?? []) this.#byFacet.set(facet, plus(this.#byFacet.get(facet), node));
  }

  /** Gives true when no node is left. */
  delete(node: LensNode): boolean {
    const { lens, arg } = node;
    const byArg = this.#byLens.get(lens);
    byArg?.delete(arg);
    if (byArg?.size === 0) this.#byLens.delete(lens);
    this.#withoutFacets.delete(node);
    for (const facet of facetsOf(lens, arg) ?? []) {
      const left = minus(this.#byFacet.get(facet), node);
      if (left === undefined) this.#byFacet.delete(facet);
      else this.#byFacet.set(facet, left);
    }
    return this.#byLens.size === 0;
  }

  *all(): Iterable<LensNode> {
    for (const byArg of this.#byLens.values()) yield* byArg.values();
  }

  *touched(of: Collection<unknown>, before: unknown, after: unknown, changed: readonly string[] | undefined): Iterable<LensNode> {
    yield* this.#withoutFacets;
    if (of.sameFacets(before, after)) return;
    if (changed !== undefined) for (const facet of changed) yield* each(this.#byFacet.get(facet));
    else for (const [facet, nodes] of this.#byFacet) if (!of.sameFacet(facet, before, after)) yield* each(nodes);
  }
}

export function findLens(holder: LensHolder, lens: AnyLens, arg: string): LensNode | undefined {
  const { lenses } = holder;
  if (lenses instanceof LensSet) return lenses.find(lens, arg);
  if (lenses instanceof LensNode) return isOf(lenses, lens, arg) ? lenses : undefined;
  return lenses?.find((node) => isOf(node, lens, arg));
}

function isOf(node: LensNode, lens: AnyLens, arg: string): boolean {
  return node.lens === lens && node.arg === arg;
}

export function addLens(holder: LensHolder, lens: AnyLens, arg: string): LensNode {
  const node = new LensNode(holder, lens, arg);
  holder.lenses = withLens(holder.lenses, node);
  holder.of.facetsInUse?.add(node);
  return node;
}

function withLens(lenses: Lenses, node: LensNode): Lenses {
  if (lenses === undefined) return node;
  if (lenses instanceof LensNode) return [lenses, node];
  if (lenses instanceof LensSet || lenses.length === LIST_MAX) {
    const set = lenses instanceof LensSet ? lenses : new LensSet(lenses);
    set.add(node);
    return set;
  }
  return [...lenses, node];
}

function withoutLens(lenses: Lenses, node: LensNode): Lenses {
  if (lenses === undefined || lenses instanceof LensNode) return undefined;
  if (lenses instanceof LensSet) return lenses.delete(node) ? undefined : lenses;
  const left = lenses.filter((each) => each !== node);
  return left.length === 1 ? left[0] : left;
}

function removeLens(node: LensNode): void {
  const { holder } = node;
  if (findLens(holder, node.lens, node.arg) !== node) return;
  holder.lenses = withoutLens(holder.lenses, node);
  holder.of.facetsInUse?.remove(node);
  holder.tidy();
}

export function lensesOf({ lenses }: LensHolder): Iterable<LensNode> {
  if (lenses === undefined) return NO_LENSES;
  if (lenses instanceof LensSet) return lenses.all();
  return lenses instanceof LensNode ? [lenses] : lenses;
}

const NO_LENSES: readonly LensNode[] = [];

/** The lens nodes that a change may concern: all when a value comes or goes, else those with a facet that changed and those without facets. */
export function touchedLenses(
  holder: LensHolder,
  of: Collection<unknown>,
  before: unknown,
  after: unknown,
  changed: readonly string[] | undefined,
): Iterable<LensNode> {
  const { lenses } = holder;
  if (lenses === undefined) return NO_LENSES;
  if (before === undefined || after === undefined || !of.hasFacets) return lensesOf(holder);
  if (lenses instanceof LensSet) return lenses.touched(of, before, after, changed);
  const may = (node: LensNode) => mayDiffer(facetsOf(node.lens, node.arg), of, before, after, changed);
  if (lenses instanceof LensNode) return may(lenses) ? [lenses] : NO_LENSES;
  return lenses.filter(may);
}

function mayDiffer(
  facets: readonly string[] | undefined,
  of: Collection<unknown>,
  before: unknown,
  after: unknown,
  changed: readonly string[] | undefined,
): boolean {
  if (facets === undefined) return true;
  if (of.sameFacets(before, after)) return false;
  return changed === undefined
    ? facets.some((facet) => !of.sameFacet(facet, before, after))
    : facets.some((facet) => changed.includes(facet));
}

/** Whether the part that a lens selects differs. When the lens throws, it counts as different: its reader then gets the error and shows as a fault. */
export function seenDiffers({ lens, arg }: LensNode, before: unknown, after: unknown): boolean {
  try {
    const seenBefore = before === undefined ? undefined : lens.of(before, arg);
    const seenAfter = after === undefined ? undefined : lens.of(after, arg);
    if (seenBefore === undefined || seenAfter === undefined) return seenBefore !== seenAfter;
    return lens.same === undefined ? !sameValue(seenBefore, seenAfter) : !lens.same(seenBefore, seenAfter);
  } catch {
    return true;
  }
}

/** Counts the lenses over the buckets of an index by facet: for a change of no such facet the index need not be searched. */
export class FacetsInUse {
  readonly #uses = new Map<string, number>();
  #withoutFacets = 0;

  add(node: LensNode): void {
    this.#count(node, 1);
  }

  remove(node: LensNode): void {
    this.#count(node, -1);
  }

  mayDiffer(of: Collection<unknown>, before: unknown, after: unknown, changed: readonly string[] | undefined): boolean {
    if (this.#withoutFacets > 0) return true;
    if (this.#uses.size === 0) return false;
    if (!of.hasFacets) return true;
    if (of.sameFacets(before, after)) return false;
    if (changed !== undefined) return changed.some((facet) => this.#uses.has(facet));
    for (const facet of this.#uses.keys()) if (!of.sameFacet(facet, before, after)) return true;
    return false;
  }

  #count({ lens, arg }: LensNode, by: 1 | -1): void {
    const facets = facetsOf(lens, arg);
    if (facets === undefined) this.#withoutFacets += by;
    for (const facet of facets ?? []) {
      const uses = (this.#uses.get(facet) ?? 0) + by;
      if (uses === 0) this.#uses.delete(facet);
      else this.#uses.set(facet, uses);
    }
  }
}
