/**
 * Prefixes that are made for an object from its inline templates, as that object reads them (resources 3.6, 3.8): it may use the range of one that is
 * Allocated and that it controls, by uid. Loops of the object's context make them.
 */
import { conditionOf } from '../fold/common-events.ts';
import type { LoopFacts, NameIn, View } from '../kind/facts.ts';
import { specOf, statusOf } from '../kind/object-part.ts';
import { isSingleAddress, parsePrefix } from '../values/ip.ts';
import { AnyPrefix, type SeenPrefix } from './seen-kinds.ts';

/** Why an object has nothing of a Prefix; `message` names the Prefix. */
export type PrefixLack = Readonly<{ reason: string; message: string }>;

type Seen = Readonly<{ range: string }> | PrefixLack;

/** `arg`: uid of the object that it should be controlled by. */
const childPrefix: View<SeenPrefix, Seen> = {
  kind: AnyPrefix,
  name: 'child',
  // Not what it gives out itself: a Prefix may have many children.
  facets: () => ['created', 'spec', 'phase', 'status', 'ownerReferences', 'conditions'],
  of: ({ key, object }, arg) => {
    const named = `Prefix "${key.name}"`;
    const controller = object.metadata.ownerReferences?.find((each) => each.controller === true)?.uid;
    if (controller !== arg) return { reason: 'PrefixOfAnother', message: `${named} is there, and was not made for this object` };
    const range = specOf(object).prefix;
    if (statusOf(object).phase === 'Allocated' && range !== undefined) return { range };
    const said = conditionOf(object, 'Ready');
    const why = said?.status === 'False' ? `: ${said.reason}, ${said.message}` : '';
    return { reason: 'PrefixNotAllocated', message: `waits until ${named} is Allocated${why}` };
  },
};

/** The range of the Prefix that was made for the object with this uid. */
export function rangeOfChild(prefix: NameIn, uid: string, facts: LoopFacts): Seen {
  return facts.see(childPrefix, prefix, uid) ?? { reason: 'PrefixNotFound', message: `waits for Prefix "${prefix.name}"` };
}

/** The same of a Prefix that should have one address. */
export function addressOfChild(prefix: NameIn, uid: string, facts: LoopFacts): Readonly<{ ip: string }> | PrefixLack {
  const seen = rangeOfChild(prefix, uid, facts);
  if ('reason' in seen) return seen;
  const range = parsePrefix(seen.range);
  if (range !== undefined && isSingleAddress(range)) return { ip: range.address };
  return { reason: 'PrefixTooLarge', message: `Prefix "${prefix.name}" is ${seen.range}, and not one address` };
}
