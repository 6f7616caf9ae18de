/** Event, core v1: what happened to another object (http-api 15). They follow from the log, none is stored; foreign ones are not taken. */
import { defineKind, methodNotAllowed, modelSchema, objectSchema, rejected } from '@weft/api';
import { eventColumns } from './event.columns.ts';
import { eventDefaults } from './event.defaults.ts';
import { eventModel } from './event.model.ts';
import { eventRules } from './event.rules.ts';
import { Event, eventEvents } from './event.types.ts';
import { eventFieldsOf } from './event-fields.ts';
import { eventNotices, eventWarnings } from './event-ledgers.ts';

const names = { group: '', version: 'v1', kind: 'Event' } as const;

const schema = objectSchema(names, 'What happened to another object.', {});
const fields = modelSchema(eventModel.fields, 4);

export const eventKind = defineKind(Event, {
  ...names,
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  namespaced: true,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: false,
  tracksGeneration: false,
  columns: eventColumns,
  schema: { ...schema, properties: { ...(schema['properties'] as object), ...(fields['properties'] as object) } },
  strategicMerge: { 'metadata.finalizers': '', 'metadata.ownerReferences': 'uid' },
  defaults: eventDefaults,
  rules: eventRules,
  selectableFields: (object) => {
    const { involvedObject = {}, reason = '', type = '', source, reportingComponent = '' } = eventFieldsOf(object);
    const { kind = '', namespace = '', name = '', uid = '', apiVersion = '', resourceVersion = '', fieldPath = '' } = involvedObject;
    return {
      'involvedObject.kind': kind,
      'involvedObject.namespace': namespace,
      'involvedObject.name': name,
      'involvedObject.uid': uid,
      'involvedObject.apiVersion': apiVersion,
      'involvedObject.resourceVersion': resourceVersion,
      'involvedObject.fieldPath': fieldPath,
      reason,
      type,
      source: source?.component || reportingComponent,
      reportingComponent,
    };
  },
  servedFrom: [eventWarnings.ledger, eventNotices.ledger],
  refuses: ['create', 'patch', 'update'],
  onCreate: () => rejected(methodNotAllowed()),
  indexes: {},
  events: eventEvents,
  payloads: {},
  actions: {},
  evolve: {},
  initialFacts: {},
  facets: {},
});
