/**
 * Reads without which a loop is asked all the same, with the reason: the mutant is the same program. A read stays in the code where its value is needed, and
 * costs a note. `npm run mutants` says when one of them is noticed after all.
 */
const PUT_ONCE = 'a record is put once and then deleted, and the loop is asked about each that comes';
const USAGE = 'NatPortsSet changes nat-usage as well, which is read';
const MEMBERS = 'a rule that ends takes its members out of policy-members in the same append';
const OF_RULES = 'members are those of rules, which are there as long';
const PLACE = 'nat-slots notes in the same append where an interface with slots is placed, and that it has ended';

export const needless: ReadonlyMap<string, string> = new Map([
  ['allocate-rested-vni: vni-grants', 'a grant changes while no number has rested, or together with vni-stock'],
  ['empty-namespaces: * by namespace: any', 'what comes or goes in a namespace changes `undeleted` or `remaining` as well'],
  ['give-back-*: open-releases', PUT_ONCE],
  ['idle-imports: Network by vni: keys', 'a Network has its number before its peerings are bound, and loses both together'],
  ['join-routings: awaits routing-members', 'nothing is owed to the members of a routing before there is its balancer'],
  ['leave-policies: NetworkPolicyRule . uid', MEMBERS],
  [
    'leave-routings: LoadBalancerRouting . managed',
    'a routing that ends or is filled by another balancer takes its members out of routing-members in the same append',
  ],
  ['lose-underlays: lost-underlays', PUT_ONCE],
  ['open-nat-slots: NetworkInterface . host', PLACE],
  ['open-nat-slots: NetworkInterface . nat-candidate', PLACE],
  ['policy-interfaces: awaits policy-members', OF_RULES],
  ['policy-interfaces: NetworkPolicyRule . uid', MEMBERS],
  ['policy-load-balancers: awaits policy-members', OF_RULES],
  ['policy-load-balancers: NetworkPolicyRule . uid', MEMBERS],
  ['policy-virtual-ips: awaits policy-members', OF_RULES],
  ['policy-virtual-ips: NetworkPolicyRule . uid', MEMBERS],
  ['release-addresses: public-address-grants', 'what is read of it, since when it is wanted, never changes while it is there'],
  ['release-vni: Network', 'the creation of another Network of that name changes `uid` as well'],
  ['release-vni: ended Network', 'what has ended changes no more, and its end changes `uid` as well'],
  ['report-nat-gateways: nat-shapes', USAGE],
  ['report-nat-gateways: nat-tables', 'an address that comes changes nat-usage as well; one that is dropped was more than is needed'],
  ['rest-addresses: public-address-rests', PUT_ONCE],
  ['rest-of-balancers: balancer-rests', PUT_ONCE],
  ['rest-vni: vni-rests', PUT_ONCE],
  ['set-nat-slots: NATGateway by serves . serving', 'a gateway that another one precedes has no address, so no slots to set'],
  ['set-nat-slots: nat-shapes', USAGE],
  ['settle-interfaces: Host . born-at', 'a Host that is made anew changes `unschedulable` as well'],
  ['want-nat-addresses: nat-shapes', USAGE],
]);
