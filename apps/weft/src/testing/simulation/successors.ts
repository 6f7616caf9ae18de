/** People who put something new in the place of something old, at once: what the old one had is wanted again while hosts may still know it. */
import type { Folded, FoldView, JsonObject, ObjectCommand } from '@weft/api';
import { Network, NetworkInterface } from '@weft/network';
import { below, type Random } from '@weft/testing';

/** Commands, each to be sent when the one before has its answer. */
type Steps = readonly ObjectCommand[];
type View = Pick<FoldView, 'list'>;

/** An interface that is on a host goes, and one with its name and its addresses comes. */
export function interfaceInPlaceOfAnother(fold: View, random: Random): Steps {
  const placed = interfacesIn(fold).filter(({ facts }) => facts.placement !== undefined);
  const nic = placed[below(random, placed.length)];
  return nic === undefined ? [] : [{ verb: 'delete', key: nic.key }, creationLike(nic, specOfSuccessor(nic))];
}

/** A network goes with the interfaces that are in it, and one with its name comes. */
export function networkInPlaceOfAnother(fold: View, random: Random): Steps {
  const networks = [...fold.list(Network.kind)];
  const network = networks[below(random, networks.length)];
  if (network === undefined) return [];
  const { key, object } = network;
  const inside = interfacesIn(fold).filter(
    (nic) => nic.key.namespace === key.namespace && specOfSuccessor(nic).networkRef.name === key.name,
  );
  return [
    ...inside.map((nic): ObjectCommand => ({ verb: 'delete', key: nic.key })),
    { verb: 'delete', key },
    creationLike(network, object.spec ?? {}),
    ...inside.map((nic) => creationLike(nic, specOfSuccessor(nic))),
  ];
}

function interfacesIn(fold: View): readonly Folded[] {
  return [...fold.list(NetworkInterface.kind)];
}

function specOfSuccessor({ object }: Folded) {
  const { networkRef = {}, ipFamilies = [] } = (object.spec ?? {}) as { networkRef?: { name?: string }; ipFamilies?: string[] };
  const { ips = [] } = (object.status ?? {}) as { ips?: string[] };
  return { networkRef, ipFamilies, ips: ips.map((value) => ({ value })) };
}

function creationLike({ key: { kind, namespace = '', name }, object: { apiVersion } }: Folded, spec: JsonObject): ObjectCommand {
  return { verb: 'create', kind, namespace, object: { apiVersion, kind, metadata: { namespace, name }, spec } };
}
