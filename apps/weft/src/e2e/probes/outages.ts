/** What may be away for a while, as it goes and as it comes back. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import { signalGroup, type Workspace } from '../processes.ts';
import { CONTROL_PLANE, type TwoHosts } from '../two-hosts.ts';

export type Outage = Readonly<{ what: string; begin: () => Promise<void>; end: () => void }>;

/** A server of EventStoreDB with a disk, which can be frozen, killed and started again. */
export type StoreServer = Readonly<{ url: string; outages: readonly Outage[] }>;

export async function startStoreServer(workspace: Workspace, program: string): Promise<StoreServer> {
  const directory = join(workspace.directory, 'eventstoredb');
  mkdirSync(directory);
  const [port, replication] = [await freePort(), await freePort()];
  const options = [`--node-port=${port}`, `--replication-port=${replication}`, '--run-projections=None', '--insecure'];
  const start = () =>
    workspace.start('eventstoredb', [program, ...options, `--db=${join(directory, 'db')}`, `--log=${join(directory, 'log')}`]);
  let server = start();
  return {
    url: `esdb://127.0.0.1:${port}?tls=false`,
    outages: [
      {
        what: 'the store is frozen',
        begin: async () => signalGroup(server.pid, 'SIGSTOP'),
        end: () => signalGroup(server.pid, 'SIGCONT'),
      },
      {
        what: 'the store is killed',
        begin: () => workspace.kill(server),
        end: () => {
          server = start();
        },
      },
    ],
  };
}

/** Of the bus, and of the control plane, which takes an embedded store with it. */
export function outagesOf({ weft }: TwoHosts): readonly Outage[] {
  const signal = (name: NodeJS.Signals) => {
    for (const each of CONTROL_PLANE) signalGroup(weft.running(each).pid, name);
  };
  return [
    { what: 'the bus is killed', begin: () => weft.kill('nats-server'), end: () => weft.startBus() },
    { what: 'the control plane is killed', begin: () => weft.kill(...CONTROL_PLANE), end: () => weft.startServices(...CONTROL_PLANE) },
    { what: 'the control plane is frozen', begin: async () => signal('SIGSTOP'), end: () => signal('SIGCONT') },
  ];
}
