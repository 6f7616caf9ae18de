import { checkConfig, gatewayConfig, gatewayDefaults } from './config.ts';

describe('The configuration of the gateway', () => {
  it('keeps plans ready where that is said', () => {
    expect([{}, { WEFT_PLANS: 'ready' }].map((env) => gatewayConfig(env).keepsPlansReady)).toEqual([false, true]);
    expect(() => gatewayConfig({ WEFT_PLANS: 'soon' })).toThrow('WEFT_PLANS must be ready or on-demand, not "soon"');
  });

  it('listens on loopback unless told otherwise', () => {
    expect(gatewayConfig({})).toEqual({ ...gatewayDefaults, grpc: '127.0.0.1:7481' });
    expect(gatewayConfig({ WEFT_HTTP: '127.0.0.2:80' })).toMatchObject({ address: '127.0.0.2', port: 80 });
    expect(gatewayConfig({ WEFT_HTTP: '[::1]:0' })).toMatchObject({ address: '::1', port: 0 });
    expect(gatewayConfig({ WEFT_HTTP: 'localhost:80' })).toMatchObject({ address: 'localhost' });
  });

  it('reaches beyond this machine only when that is meant', () => {
    for (const address of ['0.0.0.0', '192.0.2.1', '[::]', '127.0.0.1.example', '']) {
      expect(() => gatewayConfig({ WEFT_HTTP: `${address}:80` })).toThrow(/WEFT_INSECURE=1/);
      expect(gatewayConfig({ WEFT_HTTP: `${address}:80`, WEFT_INSECURE: '1', WEFT_HOSTS: 'Weft.example, b' })).toMatchObject({
        insecure: true,
        allowedHosts: ['weft.example', 'b'],
      });
    }
    expect(() => checkConfig({ ...gatewayDefaults, address: '10.0.0.1' })).toThrow();
    expect(() => gatewayConfig({ WEFT_GRPC: '0.0.0.0:7481' })).toThrow(/0\.0\.0\.0 can be reached.*WEFT_INSECURE=1/);
  });

  it('serves gRPC beside an HTTP that was put elsewhere only where it is told to', () => {
    expect(gatewayConfig({ WEFT_HTTP: '127.0.0.1:80' })).not.toHaveProperty('grpc');
    expect(gatewayConfig({ WEFT_HTTP: '127.0.0.1:80', WEFT_GRPC: '[::1]:81' })).toMatchObject({ grpc: '[::1]:81' });
    expect(gatewayConfig({ WEFT_GRPC: 'off' })).not.toHaveProperty('grpc');
    expect(() => gatewayConfig({ WEFT_GRPC: '7481' })).toThrow(/WEFT_GRPC must be/);
  });

  it.each(['7480', '127.0.0.1', 'a:b', 'http://127.0.0.1:7480', '127.0.0.1:70000', '::1:80'])('refuses %s as address', (text) => {
    expect(() => gatewayConfig({ WEFT_HTTP: text })).toThrow(/WEFT_HTTP must be/);
  });

  it('sends traces where its own variable, or those of OpenTelemetry, say, and nowhere else', () => {
    const otlp = (env: Readonly<Record<string, string>>) => gatewayConfig(env).otlp;
    expect(otlp({})).toBeUndefined();
    expect(otlp({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' })).toEqual({
      url: 'http://collector:4318/v1/traces',
      headers: {},
      service: 'weft',
    });
    const more = { OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20x, tenant=a', OTEL_SERVICE_NAME: 'edge' };
    expect(otlp({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces/here', ...more })).toEqual({
      url: 'https://traces/here',
      headers: { authorization: 'Bearer x', tenant: 'a' },
      service: 'edge',
    });
    expect(otlp({ WEFT_OTLP_ENDPOINT: 'http://a:1', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:1' })?.url).toBe('http://a:1/v1/traces');
    expect(otlp({ WEFT_OTLP_ENDPOINT: 'http://a:1', OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
    expect(() => otlp({ WEFT_OTLP_ENDPOINT: 'collector:4318' })).toThrow(
      'WEFT_OTLP_ENDPOINT must be the address of a collector, for example http://127.0.0.1:4318, not "collector:4318"',
    );
  });

  it.each(['http://foo:80/', 'foo:80', 'a b'])('refuses %s among the names of hosts, which no request would ask for', (name) => {
    expect(() => gatewayConfig({ WEFT_HOSTS: `api.example.com, ${name}` })).toThrow(
      `without a port, for example api.example.com, not "${name}"`,
    );
    expect(gatewayConfig({ WEFT_HOSTS: 'api.example.com, [fd00::1]' }).allowedHosts).toEqual(['api.example.com', '[fd00::1]']);
  });
});
