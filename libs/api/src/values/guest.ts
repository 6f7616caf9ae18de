/** Which addresses and namespaces the guest behind an interface can have. Kinds warn of or refuse others, and so does every driver. */

/** Attribute of an interface that names the network namespace of its guest; without it the name follows from the uid. */
export const NETNS_ATTRIBUTE = 'fabric.weft.dev/netns';

const NETNS_LENGTH_MAX = 100;

const ADDRESSES: readonly (readonly [RegExp, string])[] = [
  [/%/, 'has a zone'],
  [/^(0\.|::$)/, 'stands for no host'],
  [/^(127\.|::1$)/, 'is a loopback address'],
  [/^(22[4-9]\.|23[0-9]\.|ff[0-9a-f]{2}:)/, 'is a multicast address'],
  [/^2[45][0-9]\./, 'is reserved'],
  [/^169\.254\.0\.1$/, 'is the address of every gateway'],
  [/^fe[89ab][0-9a-f]:/, 'is a link-local address'],
  // fd77:6566:7400::/40
  [/^fd77:6566:74[0-9a-f]{2}:/, 'is one of those under which routers answer'],
  [/^::ffff:([0-9]+\.[0-9.]+|[0-9a-f]+:[0-9a-f]+)$/, 'is IPv4-mapped, which is never sent'],
];

/** Why no guest can have the address (in its canonical text); undefined when one can. */
export function guestAddressProblem(address: string): string | undefined {
  return ADDRESSES.find(([pattern]) => pattern.test(address))?.[1];
}

/** Why no guest's namespace can have the name; undefined when one can. */
export function guestNetnsProblem(name: string): string | undefined {
  if (name.length > NETNS_LENGTH_MAX) return `must be no more than ${NETNS_LENGTH_MAX} characters`;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    return "must consist of alphanumeric characters, '-', '_' or '.', and must start with an alphanumeric character";
  }
  return name.startsWith('weft-') ? "must not start with 'weft-', as the namespaces of routers do" : undefined;
}
