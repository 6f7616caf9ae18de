import {
  type Difference,
  differences,
  type Folded,
  type JsonValue,
  type KindModule,
  type ObjectKey,
  presentationOf,
  type Slices,
} from '@weft/api';
import { compareKeys, placeOf } from '../model/kind-view.ts';
import { keyOf, type Target } from '../resources/target.ts';
import type { Moment, Past } from './past.ts';

/** Of one object that is not the same at two moments. */
export type ObjectDifference = Readonly<{
  namespace?: string;
  name: string;
  /** It was there at one of the moments only, or another one of the same name was. */
  lifetime?: 'began' | 'ended' | 'replaced';
  changed: readonly Difference[];
}>;

/** What differs between two moments, of one object or of those that a list shows. O(what has changed since the earlier one). */
export async function differencesOf(
  past: Past,
  target: Target,
  from: Moment,
  to: Moment,
  slices: Slices,
): Promise<readonly ObjectDifference[]> {
  const { kind, namespace, name } = target;
  const at = async (moment: Moment): Promise<readonly Folded[]> => {
    if (name === undefined) return past.list(kind, namespace, moment);
    const found = await past.object(kind, keyOf(target), moment);
    return found === undefined ? [] : [found];
  };
  const before = new Map((await at(from)).map((state) => [placeOf(state.key), state]));
  const after = new Map((await at(to)).map((state) => [placeOf(state.key), state]));
  const found: { key: ObjectKey; difference: ObjectDifference }[] = [];
  for (const place of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(place), after.get(place)];
    if (was === is || was?.position === is?.position) continue;
    const { key } = (is ?? was) as Folded;
    found.push({ key, difference: differenceOf(kind, key, was, is) });
    await slices.turn();
  }
  return found.sort((a, b) => compareKeys(a.key, b.key)).map(({ difference }) => difference);
}

function differenceOf(kind: KindModule, { namespace, name }: ObjectKey, was: Folded | undefined, is: Folded | undefined): ObjectDifference {
  const lifetime =
    was === undefined ? 'began' : is === undefined ? 'ended' : was.object.metadata.uid === is.object.metadata.uid ? undefined : 'replaced';
  return {
    ...(namespace !== undefined && { namespace }),
    name,
    ...(lifetime !== undefined && { lifetime }),
    changed: differences(was && shownOf(kind, was), is && shownOf(kind, is)),
  };
}

/** The object as clients see it, without what differs with each change. */
export function shownOf(kind: Pick<KindModule, 'assembly'>, state: Folded): JsonValue {
  const { whole } = presentationOf(kind, state);
  const { resourceVersion: _, ...metadata } = whole.metadata;
  return JSON.parse(JSON.stringify({ ...whole, metadata })) as JsonValue;
}
