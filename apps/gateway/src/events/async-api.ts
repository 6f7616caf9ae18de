/** What leaves over HTTP and on the bus, as an AsyncAPI 3 document: made of the same definitions that events are written by. */
import { CLOUD_TYPE_PREFIX, type EventSchema, eventSchemas, type JsonObject, type Registry } from '@weft/api';

const text = { type: 'string' } as const;
const whole = { type: 'integer', minimum: 0 } as const;

/** Attributes that all events have; `CloudEvent` of libs/api as JSON Schema. Further ones may come. */
const envelope: JsonObject = {
  type: 'object',
  required: [
    ...[
      'specversion',
      'id',
      'source',
      'type',
      'subject',
      'time',
      'datacontenttype',
      'position',
      'cursor',
      'resourceversion',
      'appendindex',
    ],
    ...['appendcount', 'revision', 'kind', 'name', 'actor', 'actorverified', 'requestid', 'correlationid', 'causationid', 'data'],
  ],
  properties: {
    specversion: { const: '1.0' },
    id: { ...text, format: 'uuid', description: 'That of the event in the log: the same whenever and however it is delivered.' },
    source: { ...text, description: '`/weft/<store>`: positions mean something within one source only.' },
    type: text,
    subject: { ...text, description: '`<Kind>/<namespace>/<name>`, or `<Kind>/<name>`.' },
    time: { ...text, format: 'date-time' },
    datacontenttype: { const: 'application/json' },
    position: { ...text, pattern: '^[0-9]+$', description: 'Place in the log.' },
    cursor: { ...text, description: 'What comes after this event is asked for by it.' },
    resourceversion: { ...text, description: 'That of the object after all events of the append.' },
    appendindex: { ...whole, description: 'Place among the events that came about at once.' },
    appendcount: whole,
    revision: { ...text, pattern: '^[0-9]+$', description: 'Place among the events of the resource, without gaps.' },
    kind: text,
    namespace: text,
    name: text,
    uid: text,
    actor: { ...text, description: 'Who asked: a user, or a part of Weft.' },
    actorverified: { type: 'boolean' },
    onbehalfof: { ...text, description: 'Whose change made a control loop act.' },
    requestid: text,
    correlationid: text,
    causationid: text,
    traceparent: { ...text, description: 'W3C trace context.' },
  },
};

const nameOf = ({ kind, type }: Pick<EventSchema, 'kind' | 'type'>) => `${kind}.${type}`;

export function asyncApiOf(registry: Registry): JsonObject {
  const all = eventSchemas(registry);
  const byKind = new Map<string, EventSchema[]>();
  for (const each of all) byKind.set(each.kind, [...(byKind.get(each.kind) ?? []), each]);
  const references = (of: readonly EventSchema[]) =>
    Object.fromEntries(of.map((each) => [nameOf(each), { $ref: `#/components/messages/${nameOf(each)}` }]));
  const onBus = [...byKind].map(([kind, of]) => [kind, of, of[0] as EventSchema] as const);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Weft',
      version: 'v1',
      description: 'Every event of the log as a CloudEvent 1.0. Types have versions; what one version holds only grows by optional fields.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/cloudevents+json',
    channels: {
      events: {
        address: '/weft/v1/events',
        title: 'Events over HTTP',
        description:
          'Server-sent events (`GET`). `from`: `0`, an id, a resourceVersion or a time; without it, or a `Last-Event-ID`, from now on. `kind`, `namespace`, `name`, `type` (each several times, or with commas), `labelSelector`, `share=2/5`, `checkpoint`, `follow=false` narrow it down. `event: caught-up` follows the last event there is, `event: progress` tells how far the log was read.',
        messages: references(all),
        bindings: { http: { bindingVersion: '0.3.0' } },
      },
      ...Object.fromEntries(
        onBus.map(([kind, of, { context, namespaced }]) => [
          kind,
          {
            address: `weft.events.${context}.${kind}.${namespaced ? '{namespace}' : '_'}.{name}`,
            title: `${kind}, live`,
            description:
              'On NATS, which forgets: `previous` and `previousofkind` name the event before. Dots of names are written `_`, and `_` alone stands for no namespace.',
            parameters: {
              ...(namespaced && { namespace: { description: 'Of the resource.' } }),
              name: { description: 'Of the resource.' },
            },
            messages: references(of),
          },
        ]),
      ),
    },
    operations: Object.fromEntries(
      ['events', ...byKind.keys()].map((channel) => [`send-${channel}`, { action: 'send', channel: { $ref: `#/channels/${channel}` } }]),
    ),
    components: {
      messages: Object.fromEntries(
        all.map((each) => [
          nameOf(each),
          {
            name: CLOUD_TYPE_PREFIX + each.type,
            title: `${each.type} of ${each.kind}`,
            contentType: 'application/cloudevents+json',
            payload: {
              allOf: [
                { $ref: '#/components/schemas/CloudEvent' },
                {
                  type: 'object',
                  properties: {
                    type: { const: CLOUD_TYPE_PREFIX + each.type },
                    kind: { const: each.kind },
                    data: { $ref: `#/components/schemas/${nameOf(each)}` },
                  },
                },
              ],
            },
          },
        ]),
      ),
      schemas: { CloudEvent: envelope, ...Object.fromEntries(all.map((each) => [nameOf(each), each.schema])) },
    },
  };
}
