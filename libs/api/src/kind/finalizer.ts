import { type CommonFact, finalizersChanged } from '../fold/common-events.ts';
import { isDeleting } from './loop.ts';
import type { ApiObject } from './object.ts';

type Held = Readonly<{ object: Pick<ApiObject, 'metadata'> }>;
type Living = Held & Readonly<{ status: 'absent' | 'live' }>;

export type OwnFinalizer = Readonly<{
  name: string;
  isOn(state: Held): boolean;
  /** Whether the object is being deleted and this finalizer is on it. */
  holds(state: Living): boolean;
  /** Facts that put it on an object that is created. */
  put(object: Pick<ApiObject, 'metadata'>): readonly CommonFact[];
  /** Facts that put it on again after a client took it off; none once the object is being deleted, as Kubernetes refuses it then. */
  putAgain(state: Living): readonly CommonFact[];
  /** Facts that take it off an object that is being deleted. */
  takeOff(state: Living): readonly CommonFact[];
}>;

/** A finalizer that Weft itself keeps on the objects of a kind, until nothing needs them any more. Each of its facts is given once, however often asked. */
export function ownFinalizer(name: string): OwnFinalizer {
  const finalizersOf = ({ metadata }: Pick<ApiObject, 'metadata'>) => metadata.finalizers ?? [];
  const put = (object: Pick<ApiObject, 'metadata'>) =>
    finalizersOf(object).includes(name) ? [] : [finalizersChanged([...finalizersOf(object), name])];
  const isOn = ({ object }: Held) => finalizersOf(object).includes(name);
  const holds = (state: Living) => state.status === 'live' && isDeleting(state) && isOn(state);
  return {
    name,
    isOn,
    holds,
    put,
    putAgain: (state) => (state.status === 'live' && !isDeleting(state) ? put(state.object) : []),
    takeOff: (state) => (holds(state) ? [finalizersChanged(finalizersOf(state.object).filter((each) => each !== name))] : []),
  };
}
