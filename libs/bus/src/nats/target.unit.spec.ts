import { addressText, parseServer, withoutCredentials } from './target.ts';

describe('The address of a NATS server', () => {
  it.each([
    ['127.0.0.1:4333', { host: '127.0.0.1', port: 4333, tls: false }],
    ['nats://bus.example', { host: 'bus.example', port: 4222, tls: false }],
    ['nats://bus.example:80', { host: 'bus.example', port: 80, tls: false }],
    ['tls://bus.example:4443/', { host: 'bus.example', port: 4443, tls: true }],
    ['nats://[fd00::1]:4222', { host: 'fd00::1', port: 4222, tls: false }],
    ['nats://s3cret@bus.example', { host: 'bus.example', port: 4222, tls: false, token: 's3cret' }],
    ['nats://me:p%40ss@bus.example', { host: 'bus.example', port: 4222, tls: false, user: 'me', pass: 'p@ss' }],
  ])('is read from %s', (given, expected) => {
    expect(parseServer(given)).toEqual(expected);
  });

  it.each(['', 'http://bus', 'nats://', 'nats://a:b:c', 'nats://bus/path', 'nats://bus:99999'])('is not %j', (given) => {
    expect(() => parseServer(given)).toThrow(/not the address of a NATS server/);
  });

  it('is told without its credentials', () => {
    expect(withoutCredentials('nats://me:pass@bus.example:1')).toBe('nats://bus.example:1');
    expect(() => parseServer('nats://me:pass@bus.example/path')).toThrow(/^(?!.*pass@)/);
    expect(addressText(parseServer('nats://t@[fd00::1]'))).toBe('[fd00::1]:4222');
  });
});
