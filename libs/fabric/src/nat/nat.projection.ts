/**
 * NAT: which interface has which ports of which public address (provider 1.6, 3.5, 4.5). Any host may receive a packet for such a port, and sends it to the host of
 * the interface at once, so every host follows all slots: `nat`.
 *
 *   slots of gateways (ledger) ────────+
 *   NetworkInterface -- address, place-+--> nat
 *   Network -- vni --------------------+
 *
 * A row is there as long as the slot is held, whatever is known of the interface, and though that may have ended: so the removal of the row is the slot's
 * release, and a host that has applied it has confirmed that. The rows equal those of `nat.oracle.ts`.
 */
import { AnyNatGateway, familyOfIp, specOf, statusOf, type View } from '@weft/api';
import { isPending, knownSince, NAT_TABLE, type NatHolder, type NatHolding, natSlotsOfNics, type Section, type SlotCause } from '@weft/lb';
import { Network, NetworkInterface, type NicTypes } from '@weft/network';
import { networkNumber } from '../routing/routing.reads.ts';
import { inOrder, provenance } from '../rows/provenance.ts';
import type { PlacedRow, RowsOf } from '../rows/row-projection.ts';
import type { NatRow } from '../rows/rows.ts';

type Translated = Readonly<{ uid: string; ips: readonly string[]; host?: string }>;
type TranslatedNic = Translated & Readonly<{ network: string }>;

const translatedNic: View<NicTypes, TranslatedNic> = {
  kind: NetworkInterface,
  name: 'translated interface',
  facets: () => ['created', 'addresses', 'placement'],
  of: ({ object, facts: { placement } }) => ({
    uid: object.metadata.uid,
    network: specOf(object).networkRef?.name ?? '',
    ips: statusOf(object).ips ?? [],
    ...(placement && { host: placement.host }),
  }),
};

export const nat: RowsOf = {
  name: 'nat',
  version: 1,
  kinds: [AnyNatGateway, Network, NetworkInterface],
  ledgers: [natSlotsOfNics],
  declare: ({ map, from: { ledger } }) => {
    map('rows of slots', ledger(natSlotsOfNics.ledger), (uid, facts, read) => {
      const holder = facts.record(natSlotsOfNics, uid);
      if (holder === undefined) return [];
      const { namespace, name } = holder;
      const seen = facts.see(translatedNic, { namespace, name });
      const living = seen?.uid === uid ? seen : undefined;
      const vni = living && facts.see(networkNumber, { namespace, name: living.network });
      const nic = living ?? { uid, ips: [] };
      const causes = living === undefined ? [] : read.causes();
      return slotsOf(holder).map((slot): PlacedRow => {
        const row = natRow(nic, vni, slot, inOrder([...causes, ...slot.since]));
        return { table: NAT_TABLE, key: natKey(slot.section), row };
      });
    });
  },
};

/** `since`: what gave it, and made it drain, or opened it. */
type Slot = Readonly<{ section: Section; since: readonly SlotCause[]; draining: boolean; pending: boolean }>;

/** Until the present range of an interface is open, the one before serves on, if that is open there. */
function slotsOf(holder: NatHolder): readonly Slot[] {
  return holder.holdings.flatMap((holding: NatHolding): readonly Slot[] => {
    const { section, since, opened, drains = [] } = holding;
    const known = knownSince(holder, holding);
    const pending = isPending(holding, known);
    const isFormer = (i: number) => i === drains.length - 1;
    return [
      ...(section === undefined || since === undefined
        ? []
        : [{ section, since: [since, ...(opened ? [opened] : [])], draining: false, pending }]),
      ...drains.map((drain, i) => ({
        section: drain,
        since: [...drain.since, ...(drain.opened ? [drain.opened] : []), ...(opened && isFormer(i) ? [opened] : [])],
        draining: !(pending && isFormer(i)) || isPending(drain, holder.placed?.position ?? 0n),
        pending: false,
      })),
    ];
  });
}

/** Two slots of an address never share a port. */
export function natKey({ ip, port }: Pick<Section, 'ip' | 'port'>): string {
  return `${ip} ${port}`;
}

export function natRow(
  { uid, ips, host }: Translated,
  vni: number | undefined,
  { section: { ip: address, port, ports }, draining, pending }: Omit<Slot, 'since'>,
  causes: readonly SlotCause[],
): NatRow {
  const ip = ips.find((each) => familyOfIp(each) === familyOfIp(address));
  return {
    public: address,
    first: port,
    last: port + ports - 1,
    nic: uid,
    ...(ip !== undefined && { ip }),
    ...(vni !== undefined && { vni }),
    ...(host !== undefined && { host }),
    ...(draining && { draining }),
    ...(pending && host !== undefined && { pending }),
    ...provenance(causes),
  };
}
