/**
 * MAC of an interface: it follows from the number of its Network (VNI) and its own number within that Network (index), so it is unique everywhere
 * without a reservation of its own (DESIGN 10.31).
 *
 *   octet   1                            2    3    4        5    6
 *           02, 0a, 0e, 12, 16 … fe      VNI (24 bits)      lower 16 bits of the index
 *           └─ the higher bits of the index: 63 values
 *
 * First octets end in the bits 10: locally administered, one station. 06 is left out: the MACs of routers begin with it. The gateway's
 * 02:00:00:00:00:01 would be of VNI 0, which no Network has.
 */

const FIRST_OCTETS = 63;
const PER_FIRST_OCTET = 65_536;

/** Highest number of an interface within its Network. */
export const INDEX_MAX = FIRST_OCTETS * PER_FIRST_OCTET - 1;
/** Highest number of a Network. */
const VNI_MAX = 2 ** 24 - 1;

export function macOf(vni: number, index: number): string {
  if (!isWithin(vni, 1, VNI_MAX)) throw new RangeError(`${vni} is no number of a Network`);
  if (!isWithin(index, 0, INDEX_MAX)) throw new RangeError(`${index} is no number of an interface`);
  const octets = [firstOctet(index >> 16), vni >> 16, (vni >> 8) & 0xff, vni & 0xff, (index >> 8) & 0xff, index & 0xff];
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** The first octet for the higher bits of an index, 0 to 62. */
function firstOctet(high: number): number {
  return high === 0 ? 0x02 : 0x06 + 4 * high;
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/** The MAC of an interface, from its facts: one that an older version gave it stays. Undefined while it has no number. */
export function macOfNic({ mac, index }: Readonly<{ mac?: string; index?: number }>, vni: number): string | undefined {
  return mac ?? (index === undefined ? undefined : macOf(vni, index));
}
