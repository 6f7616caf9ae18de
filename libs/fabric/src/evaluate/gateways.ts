/** Addresses of the router in front of a guest. */
export const GATEWAYS: ReadonlySet<string> = new Set(['169.254.0.1', 'fe80::1']);
