/** The address of a bus server, and the credentials for it. */

export type NatsTarget = Readonly<{
  /** `nats://[token@|user:password@]host[:4222]`, also `tls://…` and plain `host:port`. Tried in random order. */
  servers: readonly string[];
  /** For all servers that name no credentials of their own. */
  token?: string;
}>;

export type NatsServerAddress = Readonly<{ host: string; port: number; tls: boolean; token?: string; user?: string; pass?: string }>;

/** Throws a TypeError that names the address (without its credentials). */
export function parseServer(text: string): NatsServerAddress {
  const withScheme = text.includes('://') ? text : `nats://${text}`;
  let url: URL;
  try {
    // WHATWG parses user, host and port only of schemes that it knows.
    url = new URL(withScheme.replace(/^(nats|tls):/, 'http:'));
  } catch {
    throw new TypeError(`not the address of a NATS server: ${withoutCredentials(text)}`);
  }
  const scheme = withScheme.slice(0, withScheme.indexOf(':'));
  if ((scheme !== 'nats' && scheme !== 'tls') || url.hostname === '' || !['', '/'].includes(url.pathname)) {
    throw new TypeError(`not the address of a NATS server (nats://host:port): ${withoutCredentials(text)}`);
  }
  const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    // 80 is http's default, so URL leaves it out.
    port: url.port === '' ? (/:80\/?$/.test(withScheme) ? 80 : 4222) : Number(url.port),
    tls: scheme === 'tls',
    ...(user !== '' && pass === '' ? { token: user } : {}),
    ...(pass !== '' ? { user, pass } : {}),
  };
}

export function withoutCredentials(text: string): string {
  return text.replace(/[^/@]*@/, '');
}

export function addressText({ host, port }: NatsServerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
