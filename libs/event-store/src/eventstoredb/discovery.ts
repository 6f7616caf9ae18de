/**
 * Which node of a cluster to talk to. The client's own discovery asks one seed after the other, believes what a node says of another, and so returns to a
 * frozen leader for as long as the others have not noticed (eventstoredb E-41). This one asks all nodes that it knows at once, and takes only one that
 * answered itself and says of itself that it has the wanted state: a frozen one costs nothing.
 */
import { readFileSync } from 'node:fs';
import type { parseConnectionString } from '@eventstore/db-client/dist/Client/parseConnectionString.js';
import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import type { Timers } from '@weft/api';

export type Node = Readonly<{ address: string; port: number }>;
export type ConnectionOptions = ReturnType<typeof parseConnectionString>;

/** Nodes remembered beside the seeds. */
const MEMBERS_MAX = 64;

const State = gossip.MemberInfo.VNodeState;
/** In these states a node serves its clients. */
const SERVING: ReadonlySet<number> = new Set([
  State.LEADER,
  State.FOLLOWER,
  State.READONLYREPLICA,
  State.PREREADONLYREPLICA,
  State.READONLYLEADERLESS,
]);

export class Discovery {
  readonly #options: ConnectionOptions;
  readonly #credentials: ChannelCredentials;
  readonly #timers: Timers;
  /** Members that answers named, so that nodes without a seed of their own are asked too. */
  #members: readonly Node[] = [];
  #last: string | undefined;
  #stopped = false;
  #interrupt = () => {};

  constructor(options: ConnectionOptions, timers: Timers) {
    this.#options = options;
    this.#credentials = credentialsOf(options);
    this.#timers = timers;
  }

  /**
   * Goes on until a node is found: whoever waits has a limit of its own. The node that was given last has failed since, or nobody would ask: any
   * other is taken before it. Rejects once it was stopped.
   */
  async find(): Promise<Node> {
    for (;;) {
      const found = await this.#round();
      if (this.#stopped) throw new Error('The connection was closed');
      if (found !== undefined) {
        this.#last = keyOf(found);
        return found;
      }
      await this.#pause(this.#options.discoveryInterval ?? 100);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#interrupt();
  }

  /** Ends with the first node that is as wanted and was not the last, else with the best when all have answered or had their time. */
  #round(): Promise<Node | undefined> {
    return new Promise((resolve) => {
      const asked = new Set<string>();
      const members = new Map<string, Node>();
      let waiting = 0;
      let best: Readonly<{ node: Node; rank: number }> | undefined;
      const ask = (node: Node) => {
        if (asked.has(keyOf(node)) || asked.size >= MEMBERS_MAX) return;
        asked.add(keyOf(node));
        waiting++;
        void this.#membersAt(node).then((found) => {
          for (const member of found) {
            const at = nodeOf(member);
            if (at === undefined) continue;
            members.set(keyOf(at), at);
            if (keyOf(at) === keyOf(node)) {
              const rank = this.#rankOf(member);
              if (rank > 0 && rank > (best?.rank ?? 0)) best = { node, rank };
              if (rank === RANK_MAX) resolve(node);
            }
          }
          for (const at of members.values()) ask(at);
          if (--waiting > 0) return;
          if (members.size > 0) this.#members = [...members.values()].slice(0, MEMBERS_MAX);
          resolve(best?.node);
        });
      };
      for (const node of [...this.#options.hosts, ...this.#members]) ask(node);
    });
  }

  /** 0 for one that cannot be used. A leader is never replaced by a follower: it would take appends and read what is old (E-37). */
  #rankOf(member: gossip.MemberInfo): number {
    const state = member.getState();
    if (!SERVING.has(state)) return 0;
    const isWanted = this.#isWanted(state);
    if (!isWanted && (this.#options.nodePreference ?? 'leader') === 'leader') return 0;
    const at = nodeOf(member);
    return (isWanted ? 2 : 0) + (at !== undefined && keyOf(at) === this.#last ? 1 : 2);
  }

  #isWanted(state: number): boolean {
    switch (this.#options.nodePreference) {
      case 'follower':
        return state === State.FOLLOWER;
      case 'read_only_replica':
        return state !== State.LEADER && state !== State.FOLLOWER;
      case 'random':
        return true;
      default:
        return state === State.LEADER;
    }
  }

  /** Empty when the node does not answer in time. */
  async #membersAt(node: Node): Promise<readonly gossip.MemberInfo[]> {
    const client = new gossipGrpc.GossipClient(keyOf(node), this.#credentials);
    try {
      return await new Promise((resolve) => {
        const call = client.read(new shared.Empty(), (error, info) => {
          timer.cancel();
          resolve(error === null ? info.getMembersList() : []);
        });
        const timer = this.#timers.after((this.#options.gossipTimeout ?? 1) * 1_000, () => call.cancel());
      });
    } finally {
      client.close();
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#timers.after(ms, resolve);
      this.#interrupt = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

const RANK_MAX = 4;

function nodeOf(member: gossip.MemberInfo): Node | undefined {
  const at = member.getHttpEndPoint();
  return at === undefined ? undefined : { address: at.getAddress(), port: at.getPort() };
}

function keyOf({ address, port }: Node): string {
  return `${address}:${port}`;
}

/** Those of the client, which keeps them to itself. */
function credentialsOf({ tls, tlsCAFile, userKeyFile, userCertFile }: ConnectionOptions): ChannelCredentials {
  if (tls === false) return credentials.createInsecure();
  const read = (file: string | undefined) => (file === undefined ? null : readFileSync(file));
  return credentials.createSsl(read(tlsCAFile), read(userKeyFile), read(userCertFile));
}
