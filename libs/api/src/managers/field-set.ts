/**
 * Sets of fields in the form in which clients read them, `fieldsV1`: a tree of path steps. A node is a member of the set when it is empty or holds `.`.
 *
 *   f:NAME        a field, or an entry of a map
 *   k:{"name":…}  the element of a list that has this key
 *   v:…           the element of a set
 *
 * Sets are values: nothing changes one that was given.
 */
import type { JsonObject } from '../log/json.ts';

export type FieldSet = Readonly<{ [step: string]: FieldSet }>;

const ITSELF = '.';
/** A set without members; as a node below another, a leaf. */
export const NO_FIELDS: FieldSet = Object.freeze({});
const LEAF = NO_FIELDS;

export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

export const unionOf = (a: FieldSet, b: FieldSet) => combined(a, b, (inA, inB) => inA || inB);
export const differenceOf = (a: FieldSet, b: FieldSet) => combined(a, b, (inA, inB) => inA && !inB);
export const intersectionOf = (a: FieldSet, b: FieldSet) => combined(a, b, (inA, inB) => inA && inB);

type Keep = (inA: boolean, inB: boolean) => boolean;

function combined(a: FieldSet, b: FieldSet, keep: Keep): FieldSet {
  return below(a, b, keep) ?? NO_FIELDS;
}

/** Undefined when nothing is left below the node. */
function below(a: FieldSet | undefined, b: FieldSet | undefined, keep: Keep): FieldSet | undefined {
  let node: Record<string, FieldSet> | undefined;
  const add = (step: string) => {
    if (step === ITSELF) return;
    const [inA, inB] = [a?.[step], b?.[step]];
    const children = below(inA, inB, keep);
    const member = keep(isMember(inA), isMember(inB));
    if (children === undefined && !member) return;
    node ??= {};
    node[step] = children === undefined ? LEAF : member ? { [ITSELF]: LEAF, ...children } : children;
  };
  for (const step in a) add(step);
  for (const step in b) if (a === undefined || !Object.hasOwn(a, step)) add(step);
  return node;
}

/** Whether the node itself is in the set, and not only something below it. */
export function isMember(node: FieldSet | undefined): boolean {
  return node !== undefined && (isEmptySet(node) || Object.hasOwn(node, ITSELF));
}

export function withItself(children: FieldSet): FieldSet {
  return isEmptySet(children) ? LEAF : { [ITSELF]: LEAF, ...children };
}

/** Paths of the members as people read them, in order: `.spec.peerings[name="a"].networkRef`. */
export function* pathsOf(set: FieldSet, path = ''): Iterable<string> {
  for (const step of Object.keys(set).sort()) {
    if (step === ITSELF) continue;
    const node = set[step] as FieldSet;
    const here = path + textOf(step);
    if (isMember(node)) yield here;
    yield* pathsOf(node, here);
  }
}

function textOf(step: string): string {
  const rest = step.slice(2);
  if (step.startsWith('v:')) return `[=${rest}]`;
  if (!step.startsWith('k:')) return `.${rest}`;
  const keys = Object.entries(JSON.parse(rest) as JsonObject);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}

/** Whether what a client sent can be a set. */
export function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([step, node]) => isStep(step) && isFieldSet(node));
}

function isStep(step: string): boolean {
  if (step === ITSELF || step.startsWith('f:') || step.startsWith('i:')) return true;
  if (!step.startsWith('k:') && !step.startsWith('v:')) return false;
  try {
    const value: unknown = JSON.parse(step.slice(2));
    return step.startsWith('v:') || (typeof value === 'object' && value !== null && !Array.isArray(value));
  } catch {
    return false;
  }
}
