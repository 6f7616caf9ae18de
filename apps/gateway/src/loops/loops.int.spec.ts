import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { call } from '../testing/requests.ts';
import { type System, startSystem } from '../testing/system.ts';

const networks = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networks';
const json = { accept: 'application/json' };

describe('Loops over HTTP', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains });
    await call(system.url, 'POST', networks, { metadata: { name: 'net' } });
    await until('it has its number', async () => (await call(system.url, 'GET', `${networks}/net`)).json['status'] !== undefined);
  });
  afterAll(() => system.stop());

  it('are listed, with what they are asked about', async () => {
    const { code, json: answer } = await call(system.url, 'GET', '/weft/v1/loops');
    expect(code).toBe(200);
    expect(answer['loops']).toEqual(
      expect.arrayContaining([
        { name: 'accept-vni', context: 'network', about: expect.any(String) },
        { name: 'settle-interfaces', context: 'network', about: 'each NetworkInterface' },
        { name: 'release-vni', context: 'ipam', about: 'each record of vni-grants' },
      ]),
    );
    expect((await call(system.url, 'GET', '/')).json['paths']).toContain('/weft/v1/loops');
  });

  it('say for a key what is owed and what they have read, as text or as JSON', async () => {
    const path = '/weft/v1/loops/protect-network?key=default/net';
    await until('it was asked', async () => (await call(system.url, 'GET', path, undefined, json)).json['state'] === 'asked');
    const { code, text } = await call(system.url, 'GET', path);
    expect(code).toBe(200);
    expect(text).toMatch(/^loop protect-network of network about default\/net, at position \d+: asked/);
    expect(text).toContain('  Network default/net');
    const { json: answer } = await call(system.url, 'GET', path, undefined, json);
    expect(answer).toMatchObject({ loop: 'protect-network', key: 'default/net', answer: { what: 'loop protect-network default/net' } });
    expect(answer).not.toHaveProperty('text');
  });

  it('need a key and a name that there is', async () => {
    const without = await call(system.url, 'GET', '/weft/v1/loops/settle-interfaces');
    expect([without.code, without.json['message']]).toEqual([400, expect.stringContaining('it is asked about each NetworkInterface')]);
    expect((await call(system.url, 'GET', '/weft/v1/loops/unknown?key=a')).code).toBe(404);
  });

  it('end in 503 when their service is away', async () => {
    await system.stopWriters();
    const { code, json: answer } = await call(system.url, 'GET', '/weft/v1/loops/protect-network?key=default/net');
    expect([code, answer['message']]).toEqual([503, expect.stringContaining('the service of the network context does not answer')]);
  });
});
