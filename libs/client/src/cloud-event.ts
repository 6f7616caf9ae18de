import { partOf } from './parts.ts';

/** An event as Weft gives it out: CloudEvents 1.0, with what Weft adds. Further attributes may come. */
export type WeftEvent<Data = Readonly<Record<string, unknown>>> = Readonly<{
  specversion: '1.0';
  /** The same whenever and however it is delivered: what a subscriber may know a repeat by. */
  id: string;
  source: string;
  /** `dev.weft.LoadBalancerCreated.v1`. */
  type: string;
  /** The resource: `LoadBalancer/shop/web`. Its events come in order. */
  subject: string;
  time: string;
  /** Place in the log, decimal. */
  position: string;
  /** What comes after this event is asked for by it. */
  cursor: string;
  /** That of the object after all events of the append. */
  resourceversion: string;
  appendindex: number;
  appendcount: number;
  revision: string;
  kind: string;
  namespace?: string;
  name: string;
  uid?: string;
  actor: string;
  actorverified: boolean;
  onbehalfof?: string;
  requestid: string;
  correlationid: string;
  causationid: string;
  traceparent?: string;
  data: Data;
}>;

/** Of each list one; left out or empty: any. */
export type EventFilter = Readonly<{
  /** As events name them: `LoadBalancer`. Over HTTP alone also plural and short names. */
  kinds?: readonly string[];
  namespaces?: readonly string[];
  names?: readonly string[];
  /** `LoadBalancerCreated`, `LoadBalancerCreated.v1`. */
  types?: readonly string[];
  labelSelector?: string;
  /** The second of five parts of all resources: `2/5`; two of sixteen: `1,4/16`. For members that come and go there is `group`. */
  share?: string;
}>;

const PREFIX = 'dev.weft.';

/** Whether an event passes all of a filter but its label selector, which only a gateway can tell. */
export function passes({ namespaces = [], names = [], types = [], kinds = [], share }: EventFilter, event: WeftEvent): boolean {
  if (share !== undefined && !isOfShare(share, event)) return false;
  const isOne = (list: readonly string[], value: string) => list.length === 0 || list.includes(value);
  return isOne(kinds, event.kind) && isOne(namespaces, event.namespace ?? '') && isOne(names, event.name) && isOfTypes(types, event.type);
}

function isOfShare(share: string, event: WeftEvent): boolean {
  const [parts = '', count] = share.split('/');
  return parts.split(',').includes(String(partOf(event, Number(count))));
}

function isOfTypes(types: readonly string[], type: string): boolean {
  if (types.length === 0) return true;
  const own = type.slice(PREFIX.length);
  return types.some((each) => each === type || each === own || each === own.replace(/\.v\d+$/, ''));
}
