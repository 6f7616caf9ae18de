/** Stand-ins for the nodes of a cluster, which hold one log. What each tells of the others, and whether it moves at all, is the test's to say. */
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import { FreezingProxy } from './freezing-proxy.ts';
import { StubServer } from './stub-server.ts';

const { LEADER, FOLLOWER } = gossip.MemberInfo.VNodeState;

export type StubNode = Readonly<{ server: StubServer; proxy: FreezingProxy }>;

export class StubCluster {
  readonly nodes: readonly StubNode[];

  private constructor(nodes: readonly StubNode[]) {
    this.nodes = nodes;
  }

  static async start(count: number): Promise<StubCluster> {
    const first = await StubServer.start();
    const servers = [first];
    while (servers.length < count) servers.push(await StubServer.start(0, first.log));
    const nodes = await Promise.all(servers.map(async (server) => ({ server, proxy: await FreezingProxy.start(() => server.port) })));
    const cluster = new StubCluster(nodes);
    cluster.everybodySays(0);
    return cluster;
  }

  /** All seeds, the given one first, with time limits that a test can wait for. */
  url(seeds = [...this.nodes.keys()], options = 'keepAliveInterval=200&keepAliveTimeout=300'): string {
    return `esdb://${seeds.map((i) => `127.0.0.1:${this.nodes[i]?.proxy.port}`).join(',')}?tls=false&${options}`;
  }

  /** All nodes name these as leaders. */
  everybodySays(...leaders: readonly number[]): void {
    for (const i of this.nodes.keys()) this.says(i, ...leaders);
  }

  says(node: number, ...leaders: readonly number[]): void {
    const { server } = this.nodes[node] as StubNode;
    server.members = this.nodes.map(({ proxy }, i) => ({ port: proxy.port, state: leaders.includes(i) ? LEADER : FOLLOWER }));
  }

  close(): void {
    for (const { server, proxy } of this.nodes) {
      proxy.close();
      server.kill();
    }
  }
}
