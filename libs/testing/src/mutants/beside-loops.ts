/** Mutants that a spec beside the loop notices, and no history does. */
const INTERFACES = 'libs/network/src/network-interface/network-interface.loops';
const CHILDREN = 'libs/network/src/network-interface libs/api/src/owners';
const BALANCERS = 'libs/lb/src/load-balancer/';

/** To the paths of these specs. */
export const besideLoops: ReadonlyMap<string, string> = new Map([
  ['create-interface-prefixes: NetworkInterface . wants-interface-prefixes', CHILDREN],
  ['delete-unowned-interface-virtual-ips: VirtualIP by target . one-of-interface-virtual-ips', CHILDREN],
  ['join-routings: LoadBalancer . selecting', BALANCERS],
  ['programmed-interfaces: Host . readiness', INTERFACES],
  ['programmed-interfaces: NetworkInterface by uid . waiting-port', INTERFACES],
  ['programmed-interfaces: programmed-reports', INTERFACES],
  ['report-load-balancers: LoadBalancerRouting . has-destinations', BALANCERS],
]);
