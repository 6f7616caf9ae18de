/** Columns of an Event as kubectl knows them from Kubernetes (http-api 9). */
import { ageOf, type Column, NAME_COLUMN, textColumn } from '@weft/api';
import type { EventFields } from './event.model.ts';
import { eventFieldsOf } from './event-fields.ts';

export const eventColumns: readonly Column[] = [
  textColumn('Last Seen', 'Time since it was last seen.', (object, now) => ageOf(lastSeen(eventFieldsOf(object)), now)),
  textColumn('Type', 'Normal or Warning.', (object) => eventFieldsOf(object).type ?? ''),
  textColumn('Reason', 'Why, as one word.', (object) => eventFieldsOf(object).reason ?? ''),
  textColumn('Object', 'What the event is about.', (object) => {
    const { kind = '', name = '' } = eventFieldsOf(object).involvedObject ?? {};
    return name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
  }),
  textColumn('Subobject', 'Part of the object.', (object) => eventFieldsOf(object).involvedObject?.fieldPath ?? '', 1),
  textColumn('Source', 'Who reports it.', (object) => sourceText(eventFieldsOf(object)), 1),
  textColumn('Message', 'What happened.', (object) => (eventFieldsOf(object).message ?? '').trim()),
  textColumn('First Seen', 'Time since it was first seen.', (object, now) => ageOf(firstSeen(eventFieldsOf(object)), now), 1),
  {
    name: 'Count',
    type: 'integer',
    description: 'How often it was seen.',
    priority: 1,
    cell: (object) => {
      const { series, count } = eventFieldsOf(object);
      return series?.count ?? (count || 1);
    },
  },
  { ...NAME_COLUMN, priority: 1 },
];

function firstSeen({ firstTimestamp, eventTime }: EventFields): string | undefined {
  return firstTimestamp ?? eventTime;
}

function lastSeen(event: EventFields): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event);
}

function sourceText({ source, reportingComponent, reportingInstance }: EventFields): string {
  const component = source?.component || (reportingComponent ?? '');
  const host = source?.host || (reportingInstance ?? '');
  return host === '' ? component : `${component}, ${host}`;
}
