/** What loops read of a Prefix: as one that asks for a range, and as one that gives ranges out. */
import { type Folded, generatedName, isDeleting, specOf, uuidv5, type View } from '@weft/api';
import { isAllocated, isChild, poolOf, type Wanted } from './prefix.kind.ts';
import { Prefix, type PrefixTypes } from './prefix.types.ts';
import { type FamilyRequest, findRange, requestOf } from './range-request.ts';

/** Namespace of the uuids that names of PrefixAllocations are made of. */
const NAMES = '4f0c8f0e-3c55-5a0b-9a53-0d7a3f1c2e64';

/**
 * The one PrefixAllocation that counts for a child. Its name follows from the incarnation, from what is asked for, and from how often it was asked anew; once
 * there is a range, it is the allocation that brought it.
 */
export function allocationNameOf({ object, facts }: Pick<Folded<PrefixTypes>, 'object' | 'facts'>): string {
  if (facts.allocation !== undefined) return facts.allocation;
  const { uid, name } = object.metadata;
  const { parentRef, ...spec } = specOf(object);
  const what = [uid, facts.attempt?.number ?? 0, requestOf(spec) ?? '', parentRef?.name ?? ''].join(' ');
  return generatedName(`${name}-`, uuidv5(NAMES, what));
}

/** A child that has a range, or waits for one. `range`: the one it has. */
export type Requester = Readonly<{ uid: string; allocation: string; range?: Readonly<{ prefix: string; parent: string }>; wants?: Wanted }>;

export const requesterSeen: View<PrefixTypes, Requester> = {
  kind: Prefix,
  name: 'requester',
  facets: () => ['created', 'spec', 'phase', 'status', 'attempt'],
  of: (prefix) => {
    const { object } = prefix;
    if (!isChild(object)) return undefined;
    const { uid } = object.metadata;
    const { parentRef, ...spec } = specOf(object);
    const seen = { uid, allocation: allocationNameOf(prefix) };
    if (isAllocated(object)) return { ...seen, range: { prefix: spec.prefix ?? '', parent: parentRef?.name ?? '' } };
    const parent = parentRef?.name;
    return { ...seen, wants: { request: requestOf(spec) ?? '', ...(parent !== undefined && { parent }) } };
  },
};

/** A Prefix that ranges may be asked of. `prefix` is absent as long as it has no range itself. */
export type Parent = Readonly<{ uid: string; family: string; prefix?: string; deleting: boolean }>;

export const parentSeen: View<PrefixTypes, Parent> = {
  kind: Prefix,
  name: 'parent',
  facets: () => ['created', 'spec', 'phase', 'deletion', 'status'],
  of: (prefix) => {
    const pool = poolOf(prefix);
    return {
      uid: prefix.object.metadata.uid,
      family: specOf(prefix.object).ipFamily ?? '',
      ...(pool !== undefined && { prefix: pool.prefix }),
      deleting: isDeleting(prefix),
    };
  },
};

/** The argument of the views below. */
export const wantedText = ({ family, request }: FamilyRequest): string => `${family} ${request}`;

function hasRoom(prefix: Folded<PrefixTypes>, wanted: string): boolean {
  const pool = poolOf(prefix);
  const [family = '', request = ''] = wanted.split(' ');
  return pool !== undefined && findRange(pool, prefix.facts.space, { family, request }) !== undefined;
}

/** Whether a range is free that answers the request. */
export const roomSeen: View<PrefixTypes, boolean> = {
  kind: Prefix,
  name: 'room',
  facets: () => ['created', 'spec', 'phase', 'status', 'ranges'],
  of: hasRoom,
};

export type Candidate = Readonly<{ name: string; uid: string; labels: Readonly<Record<string, string>> }>;

/** A Prefix in which a range is free that answers the request. Those that are being deleted are not in the index `pool`. */
export const candidateSeen: View<PrefixTypes, Candidate> = {
  kind: Prefix,
  name: 'candidate',
  facets: () => ['created', 'spec', 'phase', 'status', 'ranges', 'labels'],
  of: (prefix, wanted) => {
    const { name, uid, labels = {} } = prefix.object.metadata;
    return hasRoom(prefix, wanted) ? { name, uid, labels } : undefined;
  },
};
