/**
 * `npm run demo`: three hosts, an edge router and an internet; two Networks that use the same addresses, and pings; then a two-tier application with a
 * balancer, a policy, a NAT gateway, a peered network and a VirtualIP, real connections through each, and changes under traffic.
 * `-- --keep` leaves it up and prints one JSON object as its last line; `-- --down` removes what was kept.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, isSameProcess } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { call, create, guestNamespace, HOSTS, MACHINES, manifestsOf, NETWORKS, NICS } from './api.ts';
import { GATEWAY, makeInternet, UPLINK, uplinkAddress } from './internet.ts';
import { type DemoHost, type LabState, logOf, makeUnderlay, newLab, removeLab, save, savedLab, startProcess } from './lab.ts';
import { type Guest, pingBetween, pingWithin } from './pings.ts';
import { say, step, verdict } from './progress.ts';
import { goOn, InterruptedError, interrupt, unlessInterrupted } from './sh.ts';
import { applyStory, publicAddresses, showChanges, showFunctions, startServers } from './story.ts';

type Nic = {
  metadata: { name: string; uid: string };
  spec: { networkRef: { name: string }; machineRef?: { name: string } };
  status?: { state?: string; ips?: string[] };
};

const flags = new Set(process.argv.slice(2));

async function applyManifests(http: string, state: LabState): Promise<void> {
  const directory = join(import.meta.dirname, 'manifests');
  for (const file of readdirSync(directory).sort())
    for (const manifest of manifestsOf(join(directory, file))) await create(http, state, manifest, file);
}

async function guestsWhenAvailable(http: string): Promise<Guest[]> {
  const nics = await until(
    'all interfaces Available',
    async () => {
      const { items } = await call<{ items: Nic[] }>(http, 'GET', NICS);
      return items.every((nic) => nic.status?.state === 'Available') ? items : undefined;
    },
    60_000,
  );
  const machines = await call<{ items: { metadata: { name: string }; spec: { machinePoolRef?: { name: string } } }[] }>(
    http,
    'GET',
    MACHINES,
  );
  const hostOf = new Map(machines.items.map((machine) => [machine.metadata.name, machine.spec.machinePoolRef?.name ?? '']));
  return nics.map((nic) => ({
    name: nic.metadata.name,
    network: nic.spec.networkRef.name,
    host: hostOf.get(nic.spec.machineRef?.name ?? '') ?? '',
    netns: guestNamespace(nic.metadata.uid),
    ips: nic.status?.ips ?? [],
  }));
}

/** Returns its data directory, where the agents find the bus. */
async function startControlPlane(http: string, state: LabState): Promise<string> {
  const data = join(state.directory, 'data');
  startProcess(state, 'weft', ['apps/weft/src/main.ts', 'up'], {
    WEFT_HTTP: new URL(http).host,
    WEFT_DATA: data,
    WEFT_DATAPLANE: 'none',
  });
  await until(`the API at ${http}`, async () => (await fetch(`${http}/readyz`)).ok, 60_000).catch((error) => {
    throw new Error(`${error.message}\n${logOf(state, 'weft')}`);
  });
  say(`  ${http} is ready`);
  return data;
}

async function startAgents(hosts: readonly DemoHost[], data: string, http: string, state: LabState): Promise<void> {
  for (const [index, { host, netns, underlay }] of hosts.entries()) {
    startProcess(state, host, ['apps/dataplane-agent/src/main.ts'], {
      WEFT_DATA: data,
      WEFT_DATAPLANE: 'linux',
      WEFT_HOST: host,
      WEFT_HOST_NETNS: netns,
      WEFT_UNDERLAY_IP: underlay,
      WEFT_UPLINK: UPLINK,
      WEFT_UPLINK_IPS: `${uplinkAddress(index)}/24`,
      WEFT_UPLINK_GATEWAYS: GATEWAY,
    });
  }
  const registered = await until(
    'three hosts registered',
    async () => {
      const { items } = await call<{ items: Registered[] }>(http, 'GET', HOSTS);
      const ours = items.filter((item) => hosts.some(({ host }) => host === item.metadata.name) && item.status?.index !== undefined);
      return ours.length === hosts.length ? ours : undefined;
    },
    60_000,
  ).catch((error) => {
    throw new Error(`${error.message}\n${hosts.map(({ host }) => logOf(state, host)).join('\n')}`);
  });
  for (const { metadata, status } of registered) {
    say(`  ${metadata.name}  index ${status?.index}, an edge: public packets may come and go by it`);
  }

  noteIndexes(state, registered);
}

type Registered = { metadata: { name: string }; status?: { index?: number } };

function noteIndexes(state: LabState, hosts: readonly Registered[]): void {
  const indexes = hosts.flatMap(({ status }) => (status?.index === undefined ? [] : [status.index]));
  state.hostIndexes = [...new Set([...state.hostIndexes, ...indexes])];
  save(state);
}

/** Networks and guests as the API and the hosts have them. */
async function tellPlaces(http: string, guests: readonly Guest[]): Promise<void> {
  const { items: networks } = await call<{ items: { metadata: { name: string }; spec: { providerID?: string } }[] }>(http, 'GET', NETWORKS);
  for (const network of networks) say(`  Network ${network.metadata.name.padEnd(26)} ${network.spec.providerID}`);
  for (const guest of guests)
    say(`  ${guest.name.padEnd(26)} ${guest.network.padEnd(16)} ${guest.host}  ${guest.netns}  ${guest.ips.join(', ')}`);
}

async function up(): Promise<void> {
  const left = savedLab();
  if (left !== undefined) {
    if (left.processes.some(isSameProcess)) throw new Error('a demo is up in this directory: npm run demo -- --down');
    say('Removing what an earlier demo left');
    await removeLab(left);
  }
  const http = `http://127.0.0.1:${await freePort()}`;
  const state = newLab(http);
  // What was made so far is removed, and that is not broken off: npm sends the terminal's signal once more.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  process.stdout.on('error', () => {}); // The terminal may be gone.
  let wrong = 0;
  try {
    say('1. Three hosts on one underlay, and an internet (network namespaces)');
    const hosts = await makeUnderlay(state);
    for (const { host, netns, underlay } of hosts) say(`  ${host}  ${netns}  ${underlay}`);
    const internet = await makeInternet(state, hosts);
    say(`  the internet, behind an edge router: ${internet.netns}  ${internet.ips.join(', ')}`);

    step('2. The control plane: event store, bus, services, API');
    const data = await unlessInterrupted(startControlPlane(http, state));

    step('3. An agent for each host');
    await unlessInterrupted(startAgents(hosts, data, http, state));

    step('4. Manifests, over the API');
    await applyManifests(http, state);

    step('5. Every interface programmed by its host');
    const guests = await unlessInterrupted(guestsWhenAvailable(http));
    await tellPlaces(http, guests);

    step('6. Within a Network, every address answers');
    wrong += await pingWithin(guests);

    step('7. Between Networks, nothing passes');
    wrong += await pingBetween(guests);

    step('8. A two-tier application: two-tier.yaml and story.yaml, on three hosts');
    await applyStory(http, state, hosts);
    const inhabitants = await unlessInterrupted(guestsWhenAvailable(http));
    const addresses = await unlessInterrupted(publicAddresses(http));
    for (const [object, ips] of Object.entries(addresses)) say(`  ${object.padEnd(42)} ${ips.join(', ')}`);
    startServers(state, { guests: inhabitants, internet });
    const story = { http, internet, guests: inhabitants, addresses };

    step('9. What each of its functions lets through, and what is refused');
    wrong += await unlessInterrupted(showFunctions(story));

    step('10. Changes, while connections talk');
    wrong += await unlessInterrupted(showChanges(story));

    goOn();
    if (flags.has('--keep') && wrong === 0) {
      step(`Kept. Try: kubectl --server=${http} get nic,net,machines   Remove it with: npm run demo -- --down`);
      say(JSON.stringify({ http, pids: state.processes.map(({ pid }) => pid), guests: inhabitants, internet, addresses }));
      return;
    }
    step('11. Removing everything');
  } catch (error) {
    if (error instanceof InterruptedError) say('\nInterrupted: removing what was made');
    await removeLab(state);
    throw error;
  }
  await removeLab(state);
  verdict(wrong);
  process.exitCode = wrong === 0 ? 0 : 1;
}

async function down(): Promise<void> {
  const state = savedLab();
  if (state === undefined) return say('Nothing was kept in this directory.');
  // A host that was removed and has registered again has another index. Without a control plane, the first ones have to do.
  const found = await call<{ items: Registered[] }>(state.http, 'GET', HOSTS).catch(() => undefined);
  if (found !== undefined) noteIndexes(state, found.items);
  await removeLab(state);
  say('Removed.');
}

try {
  if (flags.has('--help')) {
    say('npm run demo -- [--keep | --down]\n\n  --keep  leaves everything up when all went well\n  --down  removes what was kept');
    process.exit(0);
  }
  const unknown = [...flags].find((flag) => flag !== '--keep' && flag !== '--down');
  if (unknown !== undefined) throw new Error(`"${unknown}" is not understood: --keep leaves it up, --down removes what was kept`);
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root: run it as root, or with sudo');
  await (flags.has('--down') ? down() : up());
} catch (error) {
  if (!(error instanceof InterruptedError)) console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof InterruptedError ? 130 : 1);
}
