/**
 * Every command of kubectl that Weft answers (http-api 16), in the order of docs/kubectl.md. Commands of one group run one after the other in a namespace of
 * their own, groups beside each other. `#` begins a step that only prepares the next ones.
 */
export type Step = Readonly<{
  /** Words are separated by blanks; `'…'` holds some together. A leading `#` keeps it off the page. */
  command: string;
  /** How many lines of the answer are shown. */
  lines?: number;
  /** Only lines that match are shown. */
  only?: RegExp;
  /** The command runs until it has shown this; then it is interrupted. With `meanwhile`, that is run once the command has shown something. */
  until?: string;
  meanwhile?: string;
  /** kubectl 1.20 does not have it. ApplySets are still behind a switch (`KUBECTL_APPLYSET=true`). */
  newer?: true;
}>;
/** So many objects are in all.yaml. */
const EVERY_KIND = 13;

export type Group = Readonly<{ title: string; steps: readonly Step[] }>;

const step = (command: string, more: Omit<Step, 'command'> = {}): Step => ({ command, ...more });

export const groups: readonly Group[] = [
  {
    title: 'What there is',
    steps: [
      step('version', { only: /Server/ }),
      step('api-versions', { lines: 8 }),
      step('api-resources --api-group=networking.ironcore.dev -o name', { lines: 8 }),
      step('explain network.spec.peerings', { lines: 3 }),
      step('explain virtualip.spec.ipFamily', { lines: 3 }),
      step('cluster-info', { lines: 1 }),
      step('get --raw /readyz'),
      step('auth can-i create networks'),
      step('auth can-i --list', { only: /networks\.net/ }),
      step('auth whoami', { newer: true, only: /Username/ }),
    ],
  },
  {
    title: 'Create and replace',
    steps: [
      step('create -f net.yaml'),
      step('create -f net.yaml'),
      step('create -f typo.yaml'),
      step('create -f typo.yaml --validate=false'),
      step('create -f bad.yaml'),
      step('create -f rule.yaml'),
      step('create -f gen.yaml'),
      step('create -f list.yaml'),
      step('create -f net.yaml -n nowhere'),
      step('create -f nets.yaml --dry-run=server'),
      step('create namespace new-<version>'),
      step('# wait --for=condition=Ready net/net --timeout=50s'),
      step('replace -f net2.yaml'),
      step('# create -f vip.yaml'),
      step('replace -f vip.yaml'),
      step('replace -f nets.yaml', { lines: 1 }),
      step('replace --force -f net2.yaml', { lines: 2 }),
      step('# patch network net --type=merge -p {"metadata":{"annotations":{"note":"again"}}}'),
      step('replace --subresource=status -f net2.yaml', { newer: true, lines: 1 }),
    ],
  },
  {
    title: 'Get',
    steps: [
      step('# apply -f nets.yaml'),
      step('# wait --for=condition=Ready network --all --timeout=50s'),
      step('get network x1'),
      step('get net'),
      step('get net -o wide'),
      step('get networks,virtualips'),
      step('get weft --ignore-not-found', { only: /x1/ }),
      step('get net x1 -o name'),
      step('get net x1 -o yaml', { only: /kind:|app:|state:/ }),
      step('get net x1 -o json', { only: /"kind"|"app"|"state"/ }),
      step("get net x1 -o jsonpath='{.status.state}'"),
      step('get net -o custom-columns=N:.metadata.name,S:.status.state'),
      step('get net --server-print=false', { lines: 2 }),
      step('get net --sort-by=.metadata.name -o name'),
      step('get net --show-labels --no-headers'),
      step('get net -L app --no-headers', { lines: 1 }),
      step('get net -l app=a -o name'),
      step("get net -l 'app in (a,b),!gone' -o name"),
      step('get net --field-selector metadata.name=x2 -o name'),
      step('get net --field-selector spec.x=y'),
      step('get net --chunk-size=2 -o name'),
      step('get net nope'),
      step('get net nope --ignore-not-found'),
      step('get net -n nowhere'),
      step('get unknowns'),
      step('get net x1 -o yaml --show-managed-fields', { newer: true, only: /manager:|operation:/ }),
      step('get net x1 --subresource=status', { newer: true }),
      step('describe net x1', { only: /^Name|^Labels|State/ }),
      step('describe namespace <ns>', { only: /^Name|^Status/ }),
      step('get events --field-selector reason=Nothing'),
      step('events --for network/x1 --types=Warning', { newer: true }),
      step('get net -w', { until: 'x3', lines: 4 }),
      step('get net x1 -w -L seen', { until: 'yes', meanwhile: 'label net x1 seen=yes' }),
    ],
  },
  {
    title: 'Apply on the client',
    steps: [
      step('apply -f net.yaml'),
      step('apply -f net.yaml'),
      step('diff -f net2.yaml', { only: /^[+-] /, lines: 5 }),
      step('apply -f net2.yaml --dry-run=server'),
      step('apply -f net2.yaml'),
      step('diff -f net2.yaml'),
      step('apply view-last-applied net/net', { only: /note|app/ }),
      step('apply set-last-applied -f net.yaml'),
      step('apply -k .'),
      step('apply -f ns.yaml'),
      step('apply -f ns2.yaml'),
      step('apply -f ns2.yaml'),
      step('apply -f typo.yaml'),
      step('apply -f nets.yaml'),
      step('apply -f net.yaml --prune -l app=a <allowlist>=networking.ironcore.dev/v1alpha1/Network', { lines: 6 }),
    ],
  },
  {
    title: 'Apply on the server',
    steps: [
      step('apply --server-side -f net.yaml'),
      step('apply --server-side -f net.yaml'),
      step('apply --server-side -f net2.yaml --field-manager=other', { lines: 1 }),
      step('diff --server-side -f net2.yaml --force-conflicts --field-manager=other', { only: /^[+-] /, lines: 5 }),
      step('apply --server-side -f net2.yaml --field-manager=other --force-conflicts --dry-run=server'),
      step('apply --server-side -f net2.yaml --field-manager=other --force-conflicts'),
      step('apply --server-side -f typo.yaml', { lines: 2 }),
      step('# apply -f nets.yaml'),
      step('apply --server-side -f nets.yaml', { lines: 6 }),
      step("get net x1 -o jsonpath='{.metadata.managedFields[*].manager}'"),
      step('# apply --server-side -f set.yaml --field-manager=kubectl-applyset'),
      step('apply --server-side --prune --applyset=networks.networking.ironcore.dev/set -f vips.yaml', { newer: true }),
      step('apply --server-side --prune --applyset=networks.networking.ironcore.dev/set -f vip.yaml', { newer: true }),
    ],
  },
  {
    title: 'Change',
    steps: [
      step('# create -f net.yaml'),
      step('label net net zone=z1'),
      step('label net net zone=z2', { lines: 1 }),
      step('label net net zone=z2 --overwrite'),
      step('label net net zone-'),
      step('label net --all bulk=1'),
      step('annotate net net note=hi'),
      step('annotate net net note=ho --overwrite --resource-version=1', { lines: 1 }),
      step(`patch net net --type=merge -p '{"metadata":{"labels":{"m":"1"}}}'`),
      step(`patch net net --type=merge -p '{"metadata":{"labels":{"m":"1"}}}'`),
      step(`patch net net --type=json -p '[{"op":"test","path":"/metadata/labels/m","value":"2"}]'`),
      step(`patch net net --type=json -p '[{"op":"replace","path":"/metadata/labels/m","value":"2"}]'`),
      step(`patch net net -p '{"metadata":{"labels":{"m":"3"}}}'`),
      step(`patch namespace <ns> -p '{"metadata":{"labels":{"m":"3"}}}'`),
      step(`patch net net --subresource=status --type=merge -p '{"status":{"state":"Error"}}'`, { newer: true }),
      step('edit net net'),
      step('scale net net --replicas=2'),
      step('set image net/net a=b'),
      step('rollout status net/net'),
      step('logs net/net'),
      step('exec net -- true', { lines: 1 }),
    ],
  },
  {
    title: 'Delete and wait',
    steps: [
      step('# create -f net.yaml'),
      step('# create -f nets.yaml'),
      step('wait --for=condition=Ready net/net --timeout=50s'),
      step("wait --for=jsonpath='{.status.state}'=Available net/net --timeout=50s", { newer: true }),
      step('wait --for=condition=Ready net/nope --timeout=1s', { lines: 1 }),
      step('delete net x1 --dry-run=server'),
      step('delete net x1'),
      step('delete net x1'),
      step('wait --for=delete net/x1 --timeout=50s'),
      step('delete net x2 --wait=false'),
      step('delete net x3 --cascade=foreground'),
      step('delete -f net.yaml --cascade=orphan'),
      step('delete -f net.yaml --ignore-not-found'),
      step('# create -f nets.yaml'),
      step('delete net x1 --force --grace-period=0', { lines: 2 }),
      step('delete net -l app=a'),
      step('# create -f net.yaml'),
      step('delete net --all'),
    ],
  },
  {
    title: 'All kinds at once',
    steps: [
      step('apply -f all.yaml', { lines: EVERY_KIND }),
      step('apply -f all.yaml', { lines: EVERY_KIND }),
      step('# wait --for=condition=Ready net/net --timeout=50s'),
      step('diff -f all.yaml'),
      step('apply --server-side --force-conflicts -f all.yaml', { lines: EVERY_KIND }),
      step('diff --server-side -f all.yaml'),
      step('apply -f moved.yaml', { lines: 4 }),
      step('label -f all.yaml tier=front', { lines: EVERY_KIND }),
      step('annotate -f all.yaml note=hi', { lines: EVERY_KIND }),
      step('get -f all.yaml -o name', { lines: EVERY_KIND }),
      step("get weft -l app=a -o jsonpath='{.items[*].kind}'"),
      step(`patch -f all.yaml --type=merge -p '{"metadata":{"labels":{"m":"1"}}}'`, { lines: EVERY_KIND }),
      step('replace -f all.yaml', { lines: EVERY_KIND }),
      step('delete -f all.yaml --dry-run=server', { lines: EVERY_KIND }),
      step('describe -f all.yaml', { only: /^Kind:|^Name: {2}event/, lines: EVERY_KIND }),
      step('delete -f all.yaml --wait=false', { lines: EVERY_KIND }),
      step('delete namespace <ns>'),
    ],
  },
];
