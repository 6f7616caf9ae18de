/** Variables that `weft` and what it starts read, for help and to notice those that nothing reads. */
const OF_UP: readonly (readonly [name: string, means: string])[] = [
  ['WEFT_HTTP', 'where HTTP is served, address:port (127.0.0.1:7480)'],
  ['WEFT_GRPC', 'where gRPC is served, address:port, or off (127.0.0.1:7481; off where WEFT_HTTP is given)'],
  ['WEFT_DATA', 'directory of everything that is kept (./.weft)'],
  ['WEFT_EVENT_STORE', 'embedded:<directory> (<WEFT_DATA>/events), or esdb://host:2113?tls=false'],
  ['WEFT_NATS', 'nats://host:4222 of a server that runs already; else one is started as a child'],
  ['WEFT_NATS_SERVER', 'the nats-server program, when it is not in PATH'],
  ['WEFT_PROVIDER', 'weft, or external: somebody else provides, and writes /status of Networks, interfaces and addresses (weft)'],
  ['WEFT_DATAPLANE', 'simulated (nothing is changed on this machine), linux (programs its kernel; needs root), or none (no agent)'],
  ['WEFT_HOST', 'name of this machine as a Host (its host name)'],
  ['WEFT_UPLINK', 'device of the host by which the host reaches the internet; it makes the host an edge (none)'],
  ['WEFT_UPLINK_IPS', 'addresses that the edge has there, with their lengths and commas: 192.0.2.2/24 (none)'],
  ['WEFT_UPLINK_GATEWAYS', 'next hops of its default routes (none: a routing daemon makes these)'],
  ['WEFT_GUEST_DNS', 'addresses of resolvers, with commas, that guests are told of over DHCP (none)'],
  ['WEFT_UNDERLAY_IP', 'address at which other hosts reach this one (that of the route to the world)'],
  ['WEFT_HOSTS', 'names, with commas between them, under which requests may ask for the API, besides its addresses and localhost'],
  ['WEFT_INSECURE', '1 allows WEFT_HTTP and WEFT_GRPC to be other than loopback, although nothing authenticates requests yet'],
  [
    'WEFT_PLANS',
    'ready: what plans need is derived at the start and kept, about 5 kB for each interface; on-demand: with the first plan (on-demand)',
  ],
  ['WEFT_OTLP_ENDPOINT', 'a collector that gets traces of changes, http://127.0.0.1:4318 (that of OTEL_EXPORTER_OTLP_ENDPOINT; else none)'],
  [
    'WEFT_HEALTH',
    'with --processes, address:port where the first process answers /readyz and /metrics; each of the others has the next port',
  ],
  ['WEFT_LOG', 'debug, info, warn or error (warn), as JSON lines on standard error'],
];
const OF_THE_STORE = ['WEFT_DATA', 'WEFT_EVENT_STORE', 'WEFT_PROVIDER'];

/** Read by other verbs, by processes that `weft up` starts, by tools and by tests. */
const OTHERS = ['WEFT_SERVER', 'WEFT_HOST_NETNS', 'WEFT_SEED', 'WEFT_END', 'WEFT_TEST_EVENTSTOREDB'];

export const VARIABLES: readonly string[] = [...OF_UP.map(([name]) => name), ...OTHERS];

/** For help of verbs that start Weft. */
export const environmentOfUp = () => textOf(OF_UP);
/** For help of verbs that open the event store. */
export const environmentOfTheStore = () => textOf(OF_UP.filter(([name]) => OF_THE_STORE.includes(name)));

/** What is wrong with the directory of the event store, and which variable names another one. */
export function withSetting(message: string, env: Readonly<Record<string, string | undefined>>): string {
  return `${message}; set ${env['WEFT_EVENT_STORE'] ? 'WEFT_EVENT_STORE' : 'WEFT_DATA, or WEFT_EVENT_STORE=embedded:<directory>'}`;
}

function textOf(variables: typeof OF_UP): string {
  return `\nEnvironment:\n${variables.map(([name, means]) => `  ${name.padEnd(17)} ${means}`).join('\n')}`;
}
