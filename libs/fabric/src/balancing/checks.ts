/** Which interfaces of a host have to be asked whether they serve: those here that are targets of a balancer with a check. */
import type { Derived, Engine, Lens } from '@weft/derive';
import type { Stay } from '../compile/followed-rows.ts';
import type { Here } from '../compile/here.ts';
import { inNetwork } from '../compile/network-key.ts';
import type { InNetwork } from '../compile/network-rows.ts';
import { type BalancerRow, PUBLIC_VNI } from '../rows/rows.ts';

export type HealthCheckOfRow = NonNullable<BalancerRow['check']>;

/** `failed`: as rows say it. `ips`: of either family; a target serves when each of them does. */
export type TargetCheck = Readonly<{
  vni: number;
  /** Uid, and where its LoadBalancerRouting is. */
  balancer: string;
  namespace: string;
  name: string;
  /** Uid of the interface. */
  target: string;
  ips: readonly string[];
  check: HealthCheckOfRow;
  failed: boolean;
}>;

/** One question to one address, from the router of its network. */
export type Probe = Readonly<{ vni: number; ip: string; check: HealthCheckOfRow }>;
/** Asks; undefined when that could not be done. Never rejects. */
export interface Prober {
  probe(probe: Probe): Promise<boolean | undefined>;
  close(): Promise<void>;
}

type Checking = Readonly<{ namespace: string; name: string; check: HealthCheckOfRow }>;
const checking: Lens<InNetwork<BalancerRow>, Checking> = {
  name: 'check',
  of: ({ row: { namespace, name, check } }) => check && { namespace, name, check },
};
const networkAndLink: Lens<Stay, Readonly<{ vni: number; up: boolean }>> = {
  name: 'network and link',
  of: ({ row, up }) => ({ vni: row.vni, up }),
};

/** By `<vni>/<balancer>/<target>`. What somebody wrote by address is not checked, nor an interface whose link is not up yet. */
export function deriveChecks(engine: Engine, { stays, rows: { targets, balancers } }: Here): Derived<TargetCheck> {
  return engine.map<TargetCheck>('checks', targets, (key, read) => {
    const found = read.get(targets, key);
    if (found === undefined || found.vni === PUBLIC_VNI) return undefined;
    const { vni, row } = found;
    const of = read.see(balancers, checking, inNetwork(vni, row.balancer));
    if (of === undefined) return undefined;
    const stay = read.see(stays, networkAndLink, row.target);
    if (stay?.vni !== vni || !stay.up) return undefined;
    return { vni, balancer: row.balancer, ...of, target: row.target, ips: row.ips, failed: row.failed === true };
  });
}
