/** What the log does not explain: events of another version, events that kept no command, rows whose events it does not hold. It is said, and nothing made up for it. */
import { type Folded, type KindRef, keyOfStream, type RecordedEvent, type Registry } from '@weft/api';
import type { RowResource } from '@weft/fabric';

export type Unexplained = Readonly<{ resource: RowResource; why: string }>;

/** Of a resource whose state is not that of all its events. */
export function unreadable({ key, unreadable: why }: Folded): Unexplained | undefined {
  return why === undefined ? undefined : { resource: key, why: `${why}; what is said of it is as it was before that` };
}

/** Of an event, where it cannot be told by which command it came: logs of the first version did not keep them. Reservation streams never do. */
export function withoutCommand(registry: Pick<Registry, 'kind'>, { stream, position, metadata }: RecordedEvent): Unexplained | undefined {
  const resource = keyOfStream(stream);
  if (resource === undefined || registry.kind(resource.kind) === undefined || metadata.append.index > 0 || metadata.command !== undefined)
    return undefined;
  return { resource, why: `position ${position} was written before commands were kept: by whom is known, with which command is not` };
}

/** Of a row, where the log holds another event at its position, or none. */
export function withoutEvent(resource: RowResource, position: string): Unexplained {
  return { resource, why: `the log does not hold the event at position ${position} that made it so: by whom is not known` };
}

export function refOf({ kind }: RowResource): KindRef<never> {
  return { kind } as KindRef<never>;
}

/** Each once; left out where there is none. */
export function toldUnexplained(found: Iterable<Unexplained | undefined>): Readonly<{ unexplained?: readonly Unexplained[] }> {
  const each = new Map<string, Unexplained>();
  for (const one of found)
    if (one !== undefined) each.set(`${one.resource.kind} ${one.resource.namespace} ${one.resource.name} ${one.why}`, one);
  return each.size === 0 ? {} : { unexplained: [...each.values()] };
}
