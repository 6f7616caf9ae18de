import { actorOf, bodyTypeOf, checkOrigin } from './door.ts';

const closed = { open: false, allowedHosts: [] };
const open = { open: true, allowedHosts: ['weft.example'] };
const passes = (host: string | undefined, door: typeof closed | typeof open, origin?: string) => {
  try {
    checkOrigin({ ...(host === undefined ? {} : { host }), ...(origin === undefined ? {} : { origin }) }, door);
    return true;
  } catch {
    return false;
  }
};

describe('The door', () => {
  it('on loopback lets through who calls this machine by a name of its own', () => {
    for (const host of ['localhost', 'localhost:1', '127.0.0.1', '127.1.2.3:80', '[::1]', '[::1]:80'])
      expect([host, passes(host, closed)]).toEqual([host, true]);
    for (const host of [undefined, '', 'gateway', '10.0.0.1', 'weft.example', '127.0.0.1.evil', 'localhost.', '[::2]', '0x7f.1']) {
      expect([host, passes(host, closed)]).toEqual([host, false]);
    }
  });

  it('open to other machines lets through addresses, plain names and those it was told, which no rebound name can be', () => {
    for (const host of ['gateway:7480', '10.0.0.1', '[fd00::1]:80', 'WEFT.example', 'localhost'])
      expect([host, passes(host, open)]).toEqual([host, true]);
    for (const host of [undefined, '', 'evil.example', 'weft.example.evil.net']) expect([host, passes(host, open)]).toEqual([host, false]);
  });

  it('lets a page through only that it served itself', () => {
    expect(passes('localhost:1', closed, 'http://localhost:1')).toBe(true);
    for (const origin of ['null', 'http://localhost', 'http://evil.example', 'https://localhost:1'])
      expect(passes('localhost:1', closed, origin)).toBe(false);
  });

  it('takes a caller at their word, and notes that', () => {
    expect(actorOf({})).toEqual({ user: 'system:anonymous', groups: ['system:unauthenticated'], verified: false });
    expect(actorOf({ 'impersonate-user': 'ann', 'impersonate-group': 'a, b' })).toEqual({
      user: 'ann',
      groups: ['a', 'b'],
      verified: false,
    });
    for (const user of ['', 'ä', 'x'.repeat(256)]) expect(() => actorOf({ 'impersonate-user': user })).toThrow();
  });

  it('guesses the type of a body only for programs', () => {
    expect(bodyTypeOf({})).toBe('application/json');
    expect(bodyTypeOf({ 'sec-fetch-site': 'none' })).toBeUndefined();
    expect(bodyTypeOf({ 'content-type': 'text/plain' })).toBe('text/plain');
  });
});
