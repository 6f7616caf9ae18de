import { type CloudEvent, cloudEventText } from './cloud-event.ts';
import { appendOf, type EventMetadata, type RecordedEvent } from './envelope.ts';

const metadata: EventMetadata = {
  uid: 'uid-1',
  actor: { user: 'eve "the\\ \u0001 é" 日', verified: false },
  onBehalfOf: { user: 'mallory"', verified: true },
  requestId: 'request',
  $correlationId: 'correlation',
  $causationId: 'causation',
  time: '2026-01-01T00:00:00.000Z',
  append: { index: 0, count: 2 },
  traceparent: '00-"odd"-01',
};
const event: RecordedEvent = {
  id: 'id-1',
  type: 'ThingMade.v1',
  stream: 'Thing-shop.a.b',
  revision: 3n,
  position: 12345678901234567890n,
  metadata,
  data: { text: 'a "quoted" text \u2028', deep: { list: [1, null, true] } },
};

describe('A CloudEvent', () => {
  const textOf = (given: RecordedEvent) =>
    JSON.parse(
      cloudEventText('/weft/store', given, appendOf([event, { ...event, id: 'id-2', position: event.position + 1n }])),
    ) as CloudEvent;

  it('is JSON with all that the event says, whatever its texts hold', () => {
    expect(textOf(event)).toEqual({
      specversion: '1.0',
      id: 'id-1',
      source: '/weft/store',
      type: 'dev.weft.ThingMade.v1',
      subject: 'Thing/shop/a.b',
      time: metadata.time,
      datacontenttype: 'application/json',
      position: '12345678901234567890',
      cursor: expect.stringMatching(/^12345678901234567890-\d{8}$/),
      resourceversion: expect.stringMatching(/^12345678901234567891\d{8}$/),
      appendindex: 0,
      appendcount: 2,
      revision: '3',
      kind: 'Thing',
      namespace: 'shop',
      name: 'a.b',
      uid: 'uid-1',
      actor: metadata.actor.user,
      actorverified: false,
      onbehalfof: 'mallory"',
      requestid: 'request',
      correlationid: 'correlation',
      causationid: 'causation',
      traceparent: '00-"odd"-01',
      data: event.data,
    });
  });

  it('leaves out what there is not', () => {
    const { uid: _, onBehalfOf: __, traceparent: ___, ...bare } = metadata;
    const said = textOf({ ...event, stream: 'Host-.h', metadata: bare });
    for (const attribute of ['namespace', 'uid', 'onbehalfof', 'traceparent']) expect(said).not.toHaveProperty(attribute);
    expect(said).toMatchObject({ subject: 'Host/h', kind: 'Host', name: 'h' });
  });
});
