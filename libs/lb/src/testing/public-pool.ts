/** Stands in for the pools of public addresses: it grants what is there at once, and grants again what is not wanted any more at once. */
import { type DomainModule, defineLedger, grantKey, type PublicAddressGrant, publicAddressGrants, type WantedAddresses } from '@weft/api';

/** Under this key, `pools` lists `<address>` for each address, or `<address> <key of the grant>` for one that is in use. */
const STOCK = 'stock';

export function publicPool(...addresses: readonly string[]): DomainModule {
  const ledger = defineLedger<PublicAddressGrant>(publicAddressGrants, ({ append, before, after }, records) => {
    if ((after ?? before)?.key.kind !== 'NATGateway') return;
    const uid = (before?.status === 'live' ? before : after)?.object.metadata.uid ?? '';
    const wantedOf = (state: typeof after) =>
      ((state?.status === 'live' ? state.facts['publicAddresses'] : undefined) as { wanted: WantedAddresses } | undefined)?.wanted ?? {};
    const [was, is] = [wantedOf(before), wantedOf(after)];
    const at = append.position.toString();
    let stock = records.get(STOCK)?.pools ?? addresses;
    for (const [slot, { since }] of Object.entries(was)) {
      if (is[slot]?.since === since) continue;
      const key = grantKey(uid, slot);
      stock = stock.map((each) => (each.endsWith(` ${key}`) ? (each.split(' ')[0] as string) : each));
      records.delete(key);
    }
    for (const [slot, { since, family }] of Object.entries(is)) {
      if (was[slot]?.since === since) continue;
      const key = grantKey(uid, slot);
      const ip = stock.find((each) => !each.includes(' ') && each.includes(family === 'IPv6' ? ':' : '.'));
      if (ip !== undefined) stock = stock.map((each) => (each === ip ? `${ip} ${key}` : each));
      records.put(key, { since, pools: ['default'], at, ...(ip !== undefined && { ip }) });
    }
    records.put(STOCK, { since: 0, pools: stock, at });
  });
  return { context: 'ipam', kinds: [], reservations: [], ledgers: [ledger] };
}
