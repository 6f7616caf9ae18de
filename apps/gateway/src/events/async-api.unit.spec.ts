import { registry } from '@weft/api';
import { weftDomains } from '@weft/service';
import { type AsyncApi, validatorsOf } from '../testing/async-api.ts';
import { asyncApiOf } from './async-api.ts';

describe('The AsyncAPI document', () => {
  const kinds = registry(weftDomains);
  const document = asyncApiOf(kinds) as unknown as AsyncApi;
  const { messages, schemas } = document.components;

  it('has a message for each event type of each kind, on the channel of its kind and on that of all', () => {
    const wanted = [...kinds.kinds.map(({ kind }) => kind), 'AddressBook', 'VniPool'].flatMap((kind) =>
      kinds.eventTypesOf(kind).map((type) => `${kind}.${type}`),
    );
    expect(Object.keys(messages)).toEqual(expect.arrayContaining(wanted));
    expect(Object.keys(document.channels['events']?.messages ?? {})).toEqual(Object.keys(messages));
    expect(document.channels['LoadBalancer']).toMatchObject({ address: 'weft.events.lb.LoadBalancer.{namespace}.{name}' });
    expect(document.channels['Host']).toMatchObject({ address: 'weft.events.network.Host._.{name}' });
    for (const { messages: named } of Object.values(document.channels))
      for (const [name, { $ref }] of Object.entries(named))
        expect([$ref, messages[name]]).toEqual([`#/components/messages/${name}`, expect.anything()]);
  });

  it('has schemas that lead nowhere else, and say something of each event', () => {
    const compile = validatorsOf(document);
    for (const [name, { payload }] of Object.entries(messages)) {
      expect(schemas[name]).toMatchObject({ type: 'object' });
      expect(compile(payload)({})).toBe(false);
    }
  });
});
