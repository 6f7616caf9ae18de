/**
 * Event, core v1: what happened to another object (http-api 15). Weft's own follow from the log (ADR 36), those of clients are kept for an hour in the book of
 * their namespace (ADR 65). Also served as events.k8s.io/v1, which has other names for some fields.
 */
import { defineKind, methodNotAllowed, modelSchema, objectSchema, rejected } from '@weft/api';
import { eventColumns } from './event.columns.ts';
import { eventDefaults } from './event.defaults.ts';
import { eventModel } from './event.model.ts';
import { eventRules } from './event.rules.ts';
import { Event, eventEvents } from './event.types.ts';
import { eventFieldsOf } from './event-fields.ts';
import { eventNotices, eventWarnings } from './event-ledgers.ts';
import { eventRecords } from './event-records.ts';

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
  servedFrom: [eventWarnings.ledger, eventNotices.ledger, eventRecords.ledger],
  book: ({ namespace = '' }) => `EventBook-${namespace}`,
  alsoServedAs: [
    {
      group: 'events.k8s.io',
      version: 'v1',
      fields: {
        regarding: 'involvedObject',
        note: 'message',
        reportingController: 'reportingComponent',
        deprecatedSource: 'source',
        deprecatedFirstTimestamp: 'firstTimestamp',
        deprecatedLastTimestamp: 'lastTimestamp',
        deprecatedCount: 'count',
      },
    },
  ],
  onCreate: () => rejected(methodNotAllowed()),
  indexes: {},
  events: eventEvents,
  payloads: {},
  actions: {},
  evolve: {},
  initialFacts: {},
  facets: {},
});
