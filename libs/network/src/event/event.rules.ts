/** Rules of an Event, those of Kubernetes' core v1: its shape, its namespace, and what an event with `eventTime` must say. */
import { type ApiObject, type FieldError, invalid, qualifiedNameProblems, required } from '@weft/api';
import type { EventFields } from './event.model.ts';
import { decodeEvent } from './event-fields.ts';

const TEXT_MAX = 128;
const MESSAGE_MAX = 1024;

export function eventRules(object: ApiObject): FieldError[] {
  const { fields: event, errors: misshapen } = decodeEvent(object);
  const errors = misshapen.map(shapeError);
  const involved = event.involvedObject?.namespace ?? '';
  const { namespace = '' } = object.metadata;
  // An event about something outside namespaces is kept in `default`.
  if (involved === '' ? namespace !== '' && namespace !== 'default' : namespace !== involved) {
    errors.push(invalid('involvedObject.namespace', involved, 'does not match event.namespace'));
  }
  if (event.eventTime !== undefined) timedEventErrors(event, errors);
  return errors;
}

function timedEventErrors(event: EventFields, errors: FieldError[]): void {
  const { reportingComponent = '', message = '' } = event;
  if (reportingComponent === '') errors.push(required('reportingComponent'));
  for (const problem of qualifiedNameProblems(reportingComponent)) errors.push(invalid('reportingComponent', reportingComponent, problem));
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    const text = event[field] ?? '';
    if (text === '') errors.push(required(field));
    if (text.length > TEXT_MAX) errors.push(invalid(field, '', `can have at most ${TEXT_MAX} characters`));
  }
  if (message.length > MESSAGE_MAX) errors.push(invalid('message', '', `can have at most ${MESSAGE_MAX} characters`));
}

/** `count: cannot decode "x" as an integer` */
function shapeError(text: string): FieldError {
  const end = text.indexOf(': ');
  return { reason: 'FieldValueTypeInvalid', field: text.slice(0, end), message: `Invalid value: ${text.slice(end + 2)}` };
}
