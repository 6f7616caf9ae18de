/** What a tunnel takes, at most 1500: VXLAN costs 70 bytes over IPv6 and 50 over IPv4 (linux-dataplane 4.11). `underlayMtu`: of the device with the underlay address. */
export function overlayMtu(underlay: string, underlayMtu: number): number {
  return Math.min(1500, underlayMtu - (underlay.includes(':') ? 70 : 50));
}

/** Less is too little for IPv6 (RFC 8200, section 5), which Linux then switches off. */
export const OVERLAY_MTU_MIN = 1280;
