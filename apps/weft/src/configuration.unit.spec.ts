import { resolve } from 'node:path';
import { upConfig } from './configuration.ts';

describe('The configuration of weft up', () => {
  it('needs nothing', () => {
    expect(upConfig({}, {})).toMatchObject({
      platform: {
        data: resolve('.weft'),
        store: { kind: 'embedded', directory: resolve('.weft/events') },
        bus: { kind: 'child', directory: resolve('.weft/nats') },
        logLevel: 'warn',
      },
      gateway: { address: '127.0.0.1', port: 7480, insecure: false },
      agent: { driver: 'simulated' },
      processes: false,
      replicas: { 'network-svc': 1, 'ipam-svc': 1, 'lb-svc': 1, 'policy-svc': 1 },
    });
  });

  it('says whose the provider is, and refuses what is none', () => {
    expect(upConfig({}, {}).platform.provider).toBe('weft');
    expect(upConfig({ WEFT_PROVIDER: 'external' }, {}).platform.provider).toBe('external');
    expect(() => upConfig({ WEFT_PROVIDER: 'outside' }, {})).toThrow(/WEFT_PROVIDER must be weft or external, not "outside".*leave it out/);
  });

  it('leaves this machine alone when agents run elsewhere', () => {
    expect(upConfig({ WEFT_DATAPLANE: 'none' }, {}).agent).toBeUndefined();
  });

  it('takes store, bus, dataplane and address from the environment', () => {
    const env = {
      WEFT_EVENT_STORE: 'esdb://db:2113?tls=false',
      WEFT_NATS: 'nats://a:4222, nats://b:4222',
      WEFT_DATAPLANE: 'linux',
      WEFT_HTTP: '[::1]:80',
      WEFT_DATA: '/var/lib/weft',
    };
    expect(upConfig(env, { processes: true, replicas: '3' })).toMatchObject({
      platform: {
        store: { kind: 'eventstoredb', address: env.WEFT_EVENT_STORE },
        bus: { kind: 'servers', servers: ['nats://a:4222', 'nats://b:4222'] },
      },
      gateway: { address: '::1', port: 80 },
      agent: { driver: 'linux', directory: '/var/lib/weft' },
      processes: true,
      replicas: { 'network-svc': 3, 'ipam-svc': 3, 'lb-svc': 3, 'policy-svc': 3 },
    });
    const some = { 'network-svc': 2, 'ipam-svc': 1, 'lb-svc': 3, 'policy-svc': 1 };
    expect(upConfig({}, { processes: true, replicas: 'network-svc=2,lb-svc=3' }).replicas).toEqual(some);
    expect(upConfig({ WEFT_EVENT_STORE: 'embedded:/srv/log' }, {}).platform.store).toEqual({ kind: 'embedded', directory: '/srv/log' });
  });

  it.each([
    [{ WEFT_EVENT_STORE: 'postgres://db' }, {}, /WEFT_EVENT_STORE must be embedded:<directory> or esdb/],
    [{ WEFT_NATS: 'http://host/' }, {}, /WEFT_NATS must be nats:/],
    [{ WEFT_DATAPLANE: 'windows' }, {}, /WEFT_DATAPLANE must be simulated, linux or none/],
    [{ WEFT_HTTP: '7480' }, {}, /WEFT_HTTP must be address:port/],
    [{ WEFT_HTTP: '0.0.0.0:7480' }, {}, /WEFT_INSECURE=1/],
    [{ WEFT_LOG: 'loud' }, {}, /WEFT_LOG must be one of/],
    [{ WEFT_HEALTH: 'nonsense' }, {}, /WEFT_HEALTH must be address:port/],
    [{}, { replicas: '2' }, /say --processes as well/],
    [{}, { processes: true, replicas: '99' }, /not understood: 1 to 16 of each/],
    [{}, { processes: true, replicas: '0' }, /not understood/],
    [{}, { processes: true, replicas: '' }, /not understood/],
    [{}, { processes: true, replicas: 'gateway=2' }, /not understood.*network-svc=2/],
    [{}, { replicas: 'lb-svc=2' }, /say --processes as well/],
  ])('refuses %j %j in words', (env, options, message) => {
    expect(() => upConfig(env, options)).toThrow(message);
  });

  it('shows no credentials', () => {
    expect(() => upConfig({ WEFT_NATS: 'http://user:secret@host/' }, {})).toThrow(expect.not.stringContaining('secret') as never);
  });
});
