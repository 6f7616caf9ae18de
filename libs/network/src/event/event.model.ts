/** Event, core v1: what happened to another object (http-api 15). Its fields stand beside the metadata; it has neither spec nor status. */
import { Int, Nested, Text, Time } from '@weft/api';

export class ObjectReferenceModel {
  @Text('API version of the object.') readonly apiVersion?: string;
  @Text('Kind of the object.') readonly kind?: string;
  @Text('Namespace of the object.') readonly namespace?: string;
  @Text('Name of the object.') readonly name?: string;
  @Text('Identity of the object.') readonly uid?: string;
  @Text('State of the object.') readonly resourceVersion?: string;
  @Text('Part of the object.') readonly fieldPath?: string;
}

export class EventSource {
  @Text('Component that reports it.') readonly component?: string;
  @Text('Where that runs.') readonly host?: string;
}

export class EventSeries {
  @Int('How often, up to the last time it was seen.') readonly count?: number;
  @Time('When it was last seen.') readonly lastObservedTime?: string;
}

export class EventFields {
  @Nested(() => ObjectReferenceModel, 'What the event is about.') readonly involvedObject?: ObjectReferenceModel;
  @Text('Why, as one word.') readonly reason?: string;
  @Text('What happened, for people.') readonly message?: string;
  @Nested(() => EventSource, 'Who reports it.') readonly source?: EventSource;
  @Time('When it was first seen.') readonly firstTimestamp?: string;
  @Time('When it was last seen.') readonly lastTimestamp?: string;
  @Int('How often it was seen.') readonly count?: number;
  @Text('Kind of event.', { values: ['Normal', 'Warning'] }) readonly type?: string;
  @Time('When it was first seen, with microseconds.') readonly eventTime?: string;
  @Nested(() => EventSeries, 'Of an event that goes on.') readonly series?: EventSeries;
  @Text('What was done.') readonly action?: string;
  @Nested(() => ObjectReferenceModel, 'Another object that takes part.') readonly related?: ObjectReferenceModel;
  @Text('Controller that reports it.') readonly reportingComponent?: string;
  @Text('Which of its instances.') readonly reportingInstance?: string;
}

/** Fields of the object itself. A kind's `model` describes spec and status only, so the rules hold an event to this shape. */
export const eventModel = { fields: EventFields } as const;
