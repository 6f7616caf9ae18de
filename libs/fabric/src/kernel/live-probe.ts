/** A marked packet that is sent through the real kernels, and what its watchers have seen of it. The public side of a host is the router of `PUBLIC_VNI`. */
import type { Header, Protocol } from '../evaluate/packet.ts';

/** `id`: its number, up to ten digits. `vnis`: the routers in which it is looked for; those that are not here are passed over. `delivers`: else it is kept back before a guest, and before the internet. */
export type ProbeWatch = Readonly<{ id: number; vnis: readonly number[]; protocol: Protocol; delivers: boolean }>;
/** `nic`: from the guest of this interface here; absent: from outside, as it would come in by the uplink of this host. */
export type SentProbe = Readonly<{ nic?: string; header: Header; hopLimit: number }>;
/** Where it was seen, in order. `leaves`: the router sent it out by this device; else it came in by it. */
export type ProbeHop = Readonly<{ vni: number; device: string; leaves: boolean; src: string; dst: string }>;
/** `stopped`: devices to guests, or the uplink, before which it was kept back. */
export type ProbeSeen = Readonly<{ hops: readonly ProbeHop[]; stopped: readonly Readonly<{ vni: number; device: string }>[] }>;

export interface OpenProbe {
  /** Rejects when it cannot be sent. */
  send(probe: SentProbe): Promise<void>;
  look(): Promise<ProbeSeen>;
  /** Takes away what was made for it. A repeat does nothing. */
  end(): Promise<void>;
}
