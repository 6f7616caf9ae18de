/**
 * Addresses that Linux routers forward nothing from or to, whatever is routed (`ip_route_input_slow`, `ip6_rcv`, `ip6_forward`): RFC 1812 5.3.7 calls packets with such ones
 * martians. Others that RFC 6890 keeps from being forwarded are forwarded, as are 0.0.0.1 to 0.255.255.255, 169.254.0.0/16, 240.0.0.0/4, and packets to `::`.
 * One to a link-local address they would give back to the guest that sent it, if that had the address.
 */
const UNUSABLE: readonly (readonly [RegExp, string])[] = [
  [/^0\.0\.0\.0$/, 'stands for no host (RFC 1122 3.2.1.3)'],
  [/^127\./, 'is a loopback address (RFC 1122 3.2.1.3)'],
  [/^(22[4-9]|23\d)\./, 'is a multicast address (RFC 1122 3.2.1.3), for which there is no multicast routing'],
  [/^255\.255\.255\.255$/, 'is the limited broadcast address (RFC 1122 3.2.1.3)'],
  [/^::1$/, 'is the loopback address (RFC 4291 2.5.3)'],
  [/^fe[89ab][0-9a-f]:/, 'is a link-local address (RFC 4291 2.5.6)'],
  [/^ff[0-9a-f]{2}:/, 'is a multicast address (RFC 4291 2.7), for which there is no multicast routing'],
];

/** Why no router forwards what comes from this address (in its canonical text); undefined when they do. */
export function martianSource(address: string): string | undefined {
  return address === '::' ? ':: stands for no host (RFC 4291 2.5.2)' : martianDestination(address);
}

/** … what goes to it. */
export function martianDestination(address: string): string | undefined {
  const problem = UNUSABLE.find(([pattern]) => pattern.test(address))?.[1];
  return problem === undefined ? undefined : `${address} ${problem}`;
}
