import type { ApiObject, JsonObject } from '@weft/api';
import { causeText } from '../testing/bare-kinds.ts';
import { eventColumns } from './event.columns.ts';
import { eventDefaults } from './event.defaults.ts';
import { eventRules } from './event.rules.ts';

const event = (fields: JsonObject, namespace = 'team-a'): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'web.17a', namespace, uid: '', resourceVersion: '', creationTimestamp: '' },
  ...fields,
});
const involvedObject: JsonObject = { kind: 'NetworkInterface', namespace: 'team-a', name: 'web' };
const timed: JsonObject = {
  involvedObject,
  eventTime: '2026-01-01T00:00:00.000001Z',
  reportingComponent: 'example.com/agent',
  reportingInstance: 'agent-1',
  action: 'Program',
  reason: 'Programmed',
};

describe('Event rules', () => {
  it.each<[string, ApiObject, string[]]>([
    ['about something in its namespace', event({ involvedObject }), []],
    ['about something cluster-scoped, in default', event({ involvedObject: { kind: 'Host', name: 'h' } }, 'default'), []],
    ['about something cluster-scoped, elsewhere', event({ involvedObject: { kind: 'Host' } }), ['Invalid involvedObject.namespace']],
    ['about something in another namespace', event({ involvedObject }, 'team-b'), ['Invalid involvedObject.namespace']],
    ['nulls of typed clients', event({ involvedObject, eventTime: null, firstTimestamp: null, series: null, source: {} }), []],
    ['a count that is none', event({ involvedObject, count: 'many' }), ['TypeInvalid count']],
    ['a time that is none', event({ involvedObject, lastTimestamp: 'now' }), ['TypeInvalid lastTimestamp']],
    ['with eventTime', event(timed), []],
    [
      'with eventTime alone',
      event({ involvedObject, eventTime: '2026-01-01T00:00:00.000001Z' }),
      [
        'Required reportingComponent',
        'Invalid reportingComponent',
        'Invalid reportingComponent',
        'Required reportingInstance',
        'Required action',
        'Required reason',
      ],
    ],
    ['with a long action', event({ ...timed, action: 'a'.repeat(129) }), ['Invalid action']],
    ['with a long message', event({ ...timed, message: 'a'.repeat(1025) }), ['Invalid message']],
  ])('%s', (_case, object, expected) => {
    expect(eventRules(object).map(causeText)).toEqual(expected);
  });

  it('leaves out what is null', () => {
    expect(eventDefaults(event({ involvedObject, eventTime: null }))).toEqual(event({ involvedObject }));
    const complete = event({ involvedObject });
    expect(eventDefaults(complete)).toBe(complete);
  });
});

describe('Event columns (http-api 9)', () => {
  const now = new Date('2026-01-01T01:00:00Z');
  const cells = (fields: JsonObject) => {
    const object = eventDefaults(event(fields));
    return Object.fromEntries(eventColumns.map(({ name, cell }) => [name, cell(object, now)]));
  };

  it('come in the order of Kubernetes, five of them wide', () => {
    expect(eventColumns.map(({ name, priority }) => [name, priority])).toEqual([
      ['Last Seen', 0],
      ['Type', 0],
      ['Reason', 0],
      ['Object', 0],
      ['Subobject', 1],
      ['Source', 1],
      ['Message', 0],
      ['First Seen', 1],
      ['Count', 1],
      ['Name', 1],
    ]);
  });

  it('show a counted event', () => {
    expect(
      cells({
        involvedObject: { ...involvedObject, fieldPath: 'spec.ips[0]' },
        type: 'Warning',
        reason: 'NoHost',
        message: ' no host \n',
        source: { component: 'network-svc', host: 'a' },
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:59:00Z',
        count: 4,
      }),
    ).toEqual({
      'Last Seen': '60s',
      Type: 'Warning',
      Reason: 'NoHost',
      Object: 'networkinterface/web',
      Subobject: 'spec.ips[0]',
      Source: 'network-svc, a',
      Message: 'no host',
      'First Seen': '60m',
      Count: 4,
      Name: 'web.17a',
    });
  });

  it('show an event with eventTime and a series', () => {
    expect(cells({ ...timed, series: { count: 9, lastObservedTime: '2026-01-01T00:59:30.5Z' } })).toMatchObject({
      'Last Seen': '29s',
      'First Seen': '60m',
      Count: 9,
      Source: 'example.com/agent, agent-1',
    });
  });

  it('show an event with almost no fields', () => {
    expect(cells({ involvedObject: { kind: 'Host' } })).toMatchObject({ 'Last Seen': '<unknown>', Object: 'host', Count: 1, Source: '' });
  });
});
