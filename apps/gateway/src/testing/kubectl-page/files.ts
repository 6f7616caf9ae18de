/** The manifests that the commands of docs/kubectl.md are given. */

import { createHash } from 'node:crypto';

const network = (name: string, more = '', labels = 'app: a') => `apiVersion: networking.ironcore.dev/v1alpha1
kind: Network
metadata:
  name: ${name}
  labels: {${labels}}
${more}`;

const OLDER = '1-20';

/** One object of every kind that clients write, for a namespace. Those of the cluster are named by `version`, and differ in what only one may have. */
export const allKinds = (version: string, namespace: string): string => `${network('net')}
---
apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkInterface
metadata: {name: nic, labels: {app: a}}
spec:
  networkRef: {name: net}
  ipFamilies: [IPv4, IPv6]
  ips: [{value: 10.0.0.1}, {value: "2001:DB8:0::1"}]
---
apiVersion: networking.ironcore.dev/v1alpha1
kind: VirtualIP
metadata: {name: vip, labels: {app: a}}
spec: {type: Public, ipFamily: IPv4}
---
apiVersion: networking.ironcore.dev/v1alpha1
kind: NATGateway
metadata: {name: nat, labels: {app: a}}
spec: {type: Public, ipFamily: IPv4, portsPerNetworkInterface: 64, networkRef: {name: net}}
---
apiVersion: networking.ironcore.dev/v1alpha1
kind: LoadBalancer
metadata: {name: lb, labels: {app: a}}
spec: {type: Public, ipFamilies: [IPv4], networkRef: {name: net}, ports: [{port: 80}]}
---
apiVersion: networking.ironcore.dev/v1alpha1
kind: LoadBalancerRouting
metadata: {name: routing, labels: {app: a}}
networkRef: {name: net}
destinations: [{ip: "2001:DB8:0::1", targetRef: {name: nic, uid: "7", providerID: handle}}]
---
apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkPolicy
metadata: {name: policy, labels: {app: a}}
spec: {networkRef: {name: net}, policyTypes: [Ingress], networkInterfaceSelector: {matchLabels: {app: a}}}
---
apiVersion: ipam.ironcore.dev/v1alpha1
kind: Prefix
metadata: {name: root, labels: {app: a}}
spec: {ipFamily: IPv6, prefix: "2001:DB8:1::/48"}
---
apiVersion: ipam.ironcore.dev/v1alpha1
kind: PrefixAllocation
metadata: {name: part, labels: {app: a}}
spec: {ipFamily: IPv6, prefixLength: 64, prefixRef: {name: root}}
---
apiVersion: compute.ironcore.dev/v1alpha1
kind: Machine
metadata: {name: machine, labels: {app: a}}
spec: {networkInterfaces: [{name: eth0, networkInterfaceRef: {name: nic}}]}
---
apiVersion: fabric.weft.dev/v1alpha1
kind: AddressPool
metadata: {name: pool-${version}}
spec: {prefixes: [10.${version === OLDER ? 1 : 2}.0.0/28]}
---
apiVersion: fabric.weft.dev/v1alpha1
kind: Host
metadata: {name: host-${version}}
spec: {underlay: {ip: "2001:DB8:0::${version === OLDER ? 1 : 2}"}}
---
apiVersion: v1
kind: Event
metadata: {name: event}
involvedObject: {apiVersion: networking.ironcore.dev/v1alpha1, kind: Network, name: net, namespace: ${namespace}}
reason: Tried
message: It was tried.
type: Normal
`;

/** The parent of an ApplySet, as kubectl wants it to be: with an id that follows from its name. */
export function applySetParent(namespace: string): string {
  const hash = createHash('sha256').update(`set.${namespace}.Network.networking.ironcore.dev`).digest('base64url');
  const labels = `applyset.kubernetes.io/id: applyset-${hash}-v1`;
  return network(
    'set',
    '  annotations: {applyset.kubernetes.io/tooling: kubectl/v1.35, applyset.kubernetes.io/contains-group-kinds: ""}\n',
    labels,
  );
}

const virtualIp = (name: string) => `apiVersion: networking.ironcore.dev/v1alpha1
kind: VirtualIP
metadata: {name: ${name}}
spec: {type: Public, ipFamily: IPv4}
`;

/** File name -> text. */
export const filesFor = (version: string): Readonly<Record<string, string>> => ({
  'net.yaml': network('net'),
  'net2.yaml': network('net', '  annotations: {note: changed}\n', 'app: b'),
  'nets.yaml': ['x1', 'x2', 'x3'].map((name) => network(name)).join('---\n'),
  'list.yaml':
    'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: networking.ironcore.dev/v1alpha1, kind: Network, metadata: {name: l1}}\n- {apiVersion: networking.ironcore.dev/v1alpha1, kind: Network, metadata: {name: l2}}\n',
  'typo.yaml': network('typo', 'spec: {providerld: x}\n'),
  'bad.yaml': 'apiVersion: networking.ironcore.dev/v1alpha1\nkind: VirtualIP\nmetadata: {name: bad}\nspec: {type: Public}\n',
  'rule.yaml':
    'apiVersion: networking.ironcore.dev/v1alpha1\nkind: NetworkPolicyRule\nmetadata: {name: rule}\nnetworkRef: {name: net}\npolicyTypes: [Ingress]\n',
  'moved.yaml':
    'apiVersion: ipam.ironcore.dev/v1alpha1\nkind: Prefix\nmetadata: {name: root}\nspec: {ipFamily: IPv6, prefix: "2001:db8:2::/48"}\n',
  'vip.yaml': virtualIp('vip'),
  'vips.yaml': ['vip', 'other'].map(virtualIp).join('---\n'),
  'gen.yaml': 'apiVersion: networking.ironcore.dev/v1alpha1\nkind: Network\nmetadata: {generateName: gen-}\n',
  'ns.yaml': `apiVersion: v1\nkind: Namespace\nmetadata: {name: made-${version}, labels: {a: "1"}}\n`,
  'ns2.yaml': `apiVersion: v1\nkind: Namespace\nmetadata: {name: made-${version}, labels: {a: "2"}}\n`,
  'kustomization.yaml': 'resources: [base.yaml]\nnamePrefix: k-\n',
  'base.yaml': network('net'),
  'editor.sh': '#!/bin/sh\nsed -i "s/app: a/app: edited/" "$1"\n',
});
