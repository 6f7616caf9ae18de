/**
 * Which requests are let in (DESIGN 9.16). While nothing authenticates, what protects the API is that only this machine reaches it; but a web page
 * that somebody looks at on this machine reaches loopback too. It cannot forge `Host` and `Origin`, nor send a JSON content type without a preflight
 * request.
 */

import type { IncomingHttpHeaders } from 'node:http';
import type { Actor } from '@weft/api';
import { badRequest, forbidden } from './failures.ts';

export type Door = Readonly<{
  /** True: other machines may connect. Names without a dot and addresses are then accepted as `Host`, which a rebound DNS name cannot be. */
  open: boolean;
  /** Further host names, lower case, without port. */
  allowedHosts: readonly string[];
}>;

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|\[::ffff:127(\.\d{1,3}){3}\])$/;
const address = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/;

/** Throws 403 for a request that a foreign web page may have caused. */
export function checkOrigin(headers: IncomingHttpHeaders, door: Door): void {
  const host = headers.host ?? '';
  if (!isOurs(hostName(host), door)) throw forbidden(`the host name "${host}" is not one of this server's: WEFT_HOSTS names those`);
  const { origin } = headers;
  if (origin === undefined) return;
  if (origin.toLowerCase() !== `http://${host.toLowerCase()}`) throw forbidden(`requests from the origin "${origin}" are not allowed`);
}

function isOurs(name: string, { open, allowedHosts }: Door): boolean {
  if (loopback.test(name) || allowedHosts.includes(name)) return true;
  return open && name !== '' && (address.test(name) || !name.includes('.'));
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').toLowerCase();
}

/**
 * The type of a body. Without a header it is JSON (kubectl 1.20 sends none with `create namespace`), unless a browser may have sent it: a page
 * can leave the type out to avoid the preflight request.
 */
export function bodyTypeOf(headers: IncomingHttpHeaders): string | undefined {
  const fromBrowser = ['origin', 'referer', 'sec-fetch-site', 'sec-fetch-mode'].some((name) => headers[name] !== undefined);
  return headers['content-type'] ?? (fromBrowser ? undefined : 'application/json');
}

const anonymous: Actor = { user: 'system:anonymous', groups: ['system:unauthenticated'], verified: false };
const printable = /^[\x20-\x7e]{1,255}$/;

/** The caller, as far as is known: whom the caller claims to be, recorded as unverified, or anonymous. */
export function actorOf(headers: IncomingHttpHeaders): Actor {
  const user = headers['impersonate-user'];
  const groups = headers['impersonate-group'];
  for (const name of Object.keys(headers)) {
    if (name === 'impersonate-uid' || name.startsWith('impersonate-extra-')) throw forbidden(`the header ${name} is not supported`);
  }
  if (user === undefined) {
    if (groups !== undefined) throw badRequest('Impersonate-Group without Impersonate-User');
    return anonymous;
  }
  if (typeof user !== 'string' || !printable.test(user)) throw badRequest('Impersonate-User must be 1 to 255 printable ASCII characters');
  // Node joins repeated headers of this name by a comma and a blank.
  const names = groups === undefined ? [] : String(groups).split(', ');
  return { user, ...(names.length === 0 ? {} : { groups: names }), verified: false };
}

/** The Idempotency-Key of a write, checked; undefined without one. */
export function idempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !printable.test(key)) throw badRequest('Idempotency-Key must be 1 to 255 printable ASCII characters');
  return key;
}
