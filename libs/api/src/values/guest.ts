/** Which addresses and namespaces the guest behind an interface can have. Kinds warn of or refuse others, and so does every driver. */
import { type IpPrefix, parsePrefix } from './ip.ts';
import { rangeOf, rangesOverlap } from './ip-number.ts';

/** Attribute of an interface that names the network namespace of its guest; without it the name follows from the uid. */
export const NETNS_ATTRIBUTE = 'fabric.weft.dev/netns';

/**
 * Attribute that asks for a TAP device, for a virtual machine, in the place of a veth pair into a namespace: numbers of the user, and of the group, that may open it,
 * as `<uid>` or `<uid>:<gid>`.
 */
export const TAP_ATTRIBUTE = 'fabric.weft.dev/tap';
/** Attribute that says whether DHCP and router solicitations of the guest are answered, `true` or `false`; without it they are with a TAP device only. */
export const DHCP_ATTRIBUTE = 'fabric.weft.dev/dhcp';

/** What attributes of an interface say of its guest. `answers`: its DHCP and router solicitations are answered. */
export type GuestWish = Readonly<{ netns?: string; tap?: string; answers?: true }>;

/** Absent and empty attributes are the same. */
export function guestWish(attributes: Readonly<Record<string, string>> | undefined): GuestWish {
  const { [NETNS_ATTRIBUTE]: netns = '', [TAP_ATTRIBUTE]: tap = '', [DHCP_ATTRIBUTE]: dhcp = '' } = attributes ?? {};
  const answers = dhcp === '' ? tap !== '' : dhcp === 'true';
  return { ...(netns !== '' && { netns }), ...(tap !== '' && { tap }), ...(answers && { answers }) };
}

/** By attribute: what is wrong with it. */
export function guestWishProblems(
  attributes: Readonly<Record<string, string>>,
): readonly (readonly [attribute: string, problem: string])[] {
  const { netns, tap } = guestWish(attributes);
  const { [DHCP_ATTRIBUTE]: dhcp = '' } = attributes;
  const tapProblem = tap === undefined ? undefined : guestTapProblem(tap);
  const netnsProblem = netns === undefined ? undefined : guestNetnsProblem(netns);
  return [
    ...(netnsProblem === undefined ? [] : [[NETNS_ATTRIBUTE, netnsProblem] as const]),
    ...(tapProblem === undefined ? [] : [[TAP_ATTRIBUTE, tapProblem] as const]),
    ...(tap === undefined || netns === undefined ? [] : [[TAP_ATTRIBUTE, `cannot be specified together with ${NETNS_ATTRIBUTE}`] as const]),
    ...(['', 'true', 'false'].includes(dhcp) ? [] : [[DHCP_ATTRIBUTE, 'must be true or false'] as const]),
  ];
}

const NETNS_LENGTH_MAX = 100;
/** The highest number is nobody's. */
const USER_MAX = 0xffff_fffe;

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

/** The first of the addresses (canonical) that no guest can have, and why. An interface with one is placed on no host. */
export function unusableAddress(addresses: readonly string[]): string | undefined {
  for (const address of addresses) {
    const problem = guestAddressProblem(address);
    if (problem !== undefined) return `${address} ${problem}`;
  }
  return undefined;
}

/** Why no TAP device can belong to these; undefined when one can. */
export function guestTapProblem(text: string): string | undefined {
  const [, uid, gid = '0'] = /^(0|[1-9][0-9]{0,9})(?::(0|[1-9][0-9]{0,9}))?$/.exec(text) ?? [];
  if (uid !== undefined && Number(uid) <= USER_MAX && Number(gid) <= USER_MAX) return undefined;
  return "must be the number of a user, or those of a user and a group, as '1000' or '1000:1000'";
}

/** Routers' own: what they send errors from, and answer balancers' clients under. */
const OF_ROUTERS = 'fd77:6566:7400::/40';
const ofRouters = rangeOf(parsePrefix(OF_ROUTERS) as IpPrefix);

/** Why nothing can be routed to a guest under this prefix; undefined when it can, and for what is no prefix. */
export function guestRangeProblem(prefix: string): string | undefined {
  const parsed = parsePrefix(prefix);
  return parsed !== undefined && rangesOverlap(rangeOf(parsed), ofRouters)
    ? `overlaps ${OF_ROUTERS}, under which routers answer`
    : undefined;
}

/** Why no guest's namespace can have the name; undefined when one can. */
export function guestNetnsProblem(name: string): string | undefined {
  if (name.length > NETNS_LENGTH_MAX) return `must be no more than ${NETNS_LENGTH_MAX} characters`;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    return "must consist of alphanumeric characters, '-', '_' or '.', and must start with an alphanumeric character";
  }
  return name.startsWith('weft-') ? "must not start with 'weft-', as the namespaces of routers do" : undefined;
}
