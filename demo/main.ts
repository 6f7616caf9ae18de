/**
 * `npm run demo`: three hosts, two Networks that use the same addresses, Machines and NetworkInterfaces from manifests, and pings.
 * `-- --keep` leaves it up and prints one JSON object as its last line; `-- --down` removes what was kept.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, isSameProcess } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { parseAllDocuments } from 'yaml';
import { type DemoHost, type LabState, logOf, makeUnderlay, newLab, removeLab, save, savedLab, startProcess } from './lab.ts';
import { type Guest, pingBetween, pingWithin } from './pings.ts';
import { say, step, verdict } from './progress.ts';
import { goOn, InterruptedError, interrupt, unlessInterrupted } from './sh.ts';

type Manifest = { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } };
type Nic = {
  metadata: { name: string; uid: string };
  spec: { networkRef: { name: string }; machineRef?: { name: string } };
  status?: { state?: string; ips?: string[] };
};

const plurals: Record<string, string> = { Network: 'networks', NetworkInterface: 'networkinterfaces', Machine: 'machines' };
const flags = new Set(process.argv.slice(2));

async function call<T>(http: string, method: string, path: string, body?: unknown): Promise<T> {
  goOn();
  const response = await fetch(`${http}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as T & { message?: string };
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.message ?? ''}`);
  return answer;
}

function guestNamespace(uid: string): string {
  return `weftguest-${uid.replaceAll('-', '').slice(0, 12)}`;
}

async function applyManifests(http: string, state: LabState): Promise<void> {
  const directory = join(import.meta.dirname, 'manifests');
  for (const file of readdirSync(directory).sort()) {
    for (const document of parseAllDocuments(readFileSync(join(directory, file), 'utf8'))) {
      const manifest = document.toJS() as Manifest;
      const plural = plurals[manifest.kind];
      if (plural === undefined) throw new Error(`${file}: the demo applies no ${manifest.kind}`);
      const sent = performance.now();
      const path = `/apis/${manifest.apiVersion}/namespaces/${manifest.metadata.namespace ?? 'default'}/${plural}`;
      const created = await call<{ metadata: { uid: string } }>(http, 'POST', path, manifest);
      if (manifest.kind === 'NetworkInterface') {
        state.namespaces.push(guestNamespace(created.metadata.uid));
        save(state);
      }
      say(`  ${`${manifest.kind} ${manifest.metadata.name}`.padEnd(42)} created   ${(performance.now() - sent).toFixed(1)} ms   ${file}`);
    }
  }
}

async function guestsWhenAvailable(http: string): Promise<Guest[]> {
  const path = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networkinterfaces';
  const nics = await until(
    'all interfaces Available',
    async () => {
      const { items } = await call<{ items: Nic[] }>(http, 'GET', path);
      return items.every((nic) => nic.status?.state === 'Available') ? items : undefined;
    },
    60_000,
  );
  const machines = await call<{ items: { metadata: { name: string }; spec: { machinePoolRef?: { name: string } } }[] }>(
    http,
    'GET',
    '/apis/compute.ironcore.dev/v1alpha1/namespaces/default/machines',
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
  for (const { host, netns, underlay } of hosts) {
    startProcess(state, host, ['apps/dataplane-agent/src/main.ts'], {
      WEFT_DATA: data,
      WEFT_DATAPLANE: 'linux',
      WEFT_HOST: host,
      WEFT_HOST_NETNS: netns,
      WEFT_UNDERLAY_IP: underlay,
    });
  }
  const registered = await until(
    'three hosts registered',
    async () => {
      const { items } = await call<{ items: { metadata: { name: string }; status?: { index?: number } }[] }>(
        http,
        'GET',
        '/apis/fabric.weft.dev/v1alpha1/hosts',
      );
      const ours = items.filter((item) => hosts.some(({ host }) => host === item.metadata.name) && item.status?.index !== undefined);
      return ours.length === hosts.length ? ours : undefined;
    },
    60_000,
  ).catch((error) => {
    throw new Error(`${error.message}\n${hosts.map(({ host }) => logOf(state, host)).join('\n')}`);
  });
  for (const { metadata, status } of registered) say(`  ${metadata.name}  index ${status?.index}`);

  state.hostIndexes = registered.flatMap(({ status }) => (status?.index === undefined ? [] : [status.index]));
  save(state);
}

/** Networks and guests as the API and the hosts have them. */
async function tellPlaces(http: string, guests: readonly Guest[]): Promise<void> {
  const { items: networks } = await call<{ items: { metadata: { name: string }; spec: { providerID?: string } }[] }>(
    http,
    'GET',
    '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networks',
  );
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
    say('1. Three hosts on one underlay (network namespaces)');
    const hosts = await makeUnderlay(state);
    for (const { host, netns, underlay } of hosts) say(`  ${host}  ${netns}  ${underlay}`);

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

    goOn();
    if (flags.has('--keep') && wrong === 0) {
      step(`Kept. Try: kubectl --server=${http} get nic,net,machines   Remove it with: npm run demo -- --down`);
      say(JSON.stringify({ http, pids: state.processes.map(({ pid }) => pid), guests }));
      return;
    }
    step('8. Removing everything');
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
  await removeLab(state);
  say('Removed.');
}

try {
  const unknown = [...flags].find((flag) => flag !== '--keep' && flag !== '--down');
  if (unknown !== undefined) throw new Error(`"${unknown}" is not understood: --keep leaves it up, --down removes what was kept`);
  if (process.getuid?.() !== 0) throw new Error('network namespaces need root: run it as root, or with sudo');
  await (flags.has('--down') ? down() : up());
} catch (error) {
  if (!(error instanceof InterruptedError)) console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof InterruptedError ? 130 : 1);
}
