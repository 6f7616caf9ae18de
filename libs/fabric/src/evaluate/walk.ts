/** One packet on one way through the fabric, and what features may do with it. */

import { usableEdges } from '../edges/public-side.ts';
import { importByNetwork } from '../peering/peering.lookups.ts';
import { edgesOfFabric, hostByName, placementByNic, placementsInNetwork } from '../routing/routing.lookups.ts';
import type { FoundRow } from '../rows/row-index.ts';
import { firstRow, type RowIndex } from '../rows/row-index.ts';
import { edgesTable, hostsTable, importsTable, placementsTable } from '../rows/rows.codec.ts';
import type { EdgeRow, HostRow, PlacementRow, Row } from '../rows/rows.ts';
import type { DecidingRow, DropReason, Ending, Header, Step } from './packet.ts';

export type FabricModel = Readonly<{
  rows: RowIndex;
  /** Default: every link is up, as it is once all projectors have reported. */
  isUp?: (placement: PlacementRow) => boolean;
  /** Interfaces that are on no host, of which rows say nothing. Absent: nothing more is known of them. */
  unplaced?: Unplaced;
}>;

/** Each as a sentence that names the interface, why it is nowhere, and what to do about it. */
export type Unplaced = Readonly<{
  of: (nic: string) => string | undefined;
  /** The one that has an address of a network. */
  at: (vni: number, address: string) => string | undefined;
  /** Whose public address this is, though it leads nowhere. */
  behind: (address: string) => string | undefined;
}>;

/** Where an interface is. */
export type Place = Readonly<{ vni: number; nic: string; host: string }>;

export class Walk {
  readonly model: FabricModel;
  /** As the sender wrote it. */
  readonly sent: Header;
  /** The interface that sends it; absent: it comes from the internet. */
  readonly sender: Place | undefined;
  /** The way of the packet that this is an answer to. Its addresses are translated back and not anew. */
  readonly answers: Walk | undefined;
  header: Header;
  share = 1;
  hopsLeft: number;
  /** The network in which its destination was translated in the router of the sender: that of the balancer, or of the holder of the address. */
  translatedIn: number | undefined;
  /** The network whose router it is in; absent: it is in none. */
  vni: number | undefined;
  readonly steps: Step[];

  constructor(
    model: FabricModel,
    {
      sent,
      sender,
      answers,
      hopsLeft = 64,
      steps = [],
    }: Readonly<{
      sent: Header;
      sender?: Place | undefined;
      answers?: Walk | undefined;
      hopsLeft?: number;
      steps?: readonly Step[];
    }>,
  ) {
    this.model = model;
    this.sent = sent;
    this.header = sent;
    this.sender = sender;
    this.answers = answers;
    this.hopsLeft = hopsLeft;
    this.steps = [...steps];
  }

  get rows(): RowIndex {
    return this.model.rows;
  }

  get isAnswer(): boolean {
    return this.answers !== undefined;
  }

  /** Whether the router here has admitted the flow that this answers: it asks no policy. An answer that goes to somebody else comes to routers that have not. */
  isKnownAt(host: string): boolean {
    return this.answers?.steps.some((step) => step.host === host && step.vni === this.vni) === true;
  }

  /** The same packet up to here, to go another way. */
  fork(share: number): Walk {
    const { sent, sender, answers, hopsLeft, steps } = this;
    const fork = new Walk(this.model, { sent, sender, answers, hopsLeft, steps });
    fork.header = this.header;
    fork.vni = this.vni;
    fork.translatedIn = this.translatedIn;
    fork.share = this.share * share;
    return fork;
  }

  step(at: Step['at'], host: string, detail: string, rows: readonly (DecidingRow | undefined)[] = [], more: Partial<Step> = {}): void {
    this.steps.push({
      at,
      host,
      ...(this.vni !== undefined && { vni: this.vni }),
      detail,
      rows: rows.filter((row) => row !== undefined),
      ...more,
    });
  }

  /** Goes on with other addresses. */
  rewrite(at: Step['at'], host: string, detail: string, rows: readonly DecidingRow[], header: Header): void {
    this.header = header;
    this.step(at, host, detail, rows, { packet: header });
  }

  drop(reason: DropReason, host: string, detail: string, rows: readonly DecidingRow[] = []): Ending {
    this.step('drop', host, detail, rows);
    return { outcome: 'dropped', reason };
  }

  /** A router, or the public side of a host, takes a hop. */
  hop(host: string, by: string): Ending | undefined {
    this.hopsLeft -= 1;
    return this.hopsLeft < 1 ? this.drop('HopLimitExceeded', host, `${by} takes the last hop`) : undefined;
  }

  // ---- what the rows say of hosts and interfaces ----

  hostRow(host: string): FoundRow<HostRow> | undefined {
    return firstRow(this.rows, hostByName, host, hostsTable);
  }

  /** Those that others send by, in order. */
  get usableEdges(): readonly FoundRow<EdgeRow>[] {
    const found = new Map(this.#edges.map((edge) => [edge.row, edge]));
    return usableEdges(found.keys()).flatMap((row) => found.get(row) ?? []);
  }

  /** The host itself, if it has an uplink; else one of those that have and are in order: hosts spread over them by their numbers. */
  edgeFor(host: string): FoundRow<EdgeRow> | undefined {
    const own = this.#edges.find(({ row }) => row.host === host);
    const edges = this.usableEdges;
    return own ?? edges[(this.hostRow(host)?.row.index ?? 0) % edges.length];
  }

  get #edges(): readonly FoundRow<EdgeRow>[] {
    return [...this.rows.find(edgesOfFabric, '', edgesTable)];
  }

  /** Of an interface on whichever host, or on this one. */
  placement(nic: string, host?: string): FoundRow<PlacementRow> | undefined {
    return firstRow(this.rows, placementByNic, nic, host === undefined ? undefined : placementsTable(host));
  }

  /** A row that shows that the host has a router of this network. */
  routerOn(host: string, vni: number): DecidingRow | undefined {
    return firstRow(this.rows, placementsInNetwork, String(vni), placementsTable(host));
  }

  /** Whether a host knows the rows of a network: it has a router of it, or imports it. */
  follows(host: string, vni: number): DecidingRow | undefined {
    return this.routerOn(host, vni) ?? firstRow(this.rows, importByNetwork, String(vni), importsTable(host));
  }

  isUp({ row }: FoundRow<PlacementRow>): boolean {
    return this.model.isUp?.(row) ?? true;
  }

  /** `<namespace>/<name>` of an interface, its uid while it has no placement. */
  nameOf(nic: string): string {
    const row = this.placement(nic)?.row;
    return row === undefined ? nic : `${row.namespace}/${row.name}`;
  }
}

/** One of the ways on which a feature sends a packet. `place`: where it goes whatever routes say. `vni`: the network that the destination is in; absent: the sender's. */
export type Way = Readonly<{
  at: Step['at'];
  share: number;
  header: Header;
  detail: string;
  rows: readonly FoundRow<Row>[];
  place?: Place;
  vni?: number;
  /** How it ends in the router at that place, which it leaves for no interface. */
  ends?: (walk: Walk) => Ending;
}>;

/** Who talks to whom, as policies see it. */
export type Ends = Readonly<{ sender?: Place | undefined; receiver?: Place | undefined }>;

/**
 * What a feature does with packets, at the places where routers and edges do it. Each is asked in the order of `FEATURES`; undefined: it is not the feature's
 * concern.
 */
export type FeatureSteps = Readonly<{
  name: string;
  /** In the router of the sender, before routes are asked: other destinations. */
  redirect?: (walk: Walk, place: Place) => readonly Way[] | Ending | undefined;
  /** In the routers of the sender and of the receiver. */
  filter?: (walk: Walk, direction: 'egress' | 'ingress', host: string, ends: Ends) => Ending | undefined;
  /** In the router of the sender, when the packet leaves for the public side: a public source. True when it has one now. */
  publish?: (walk: Walk, place: Place) => boolean;
  /**
   * In the router of a sender that a translation leads back to itself, out of another network's balancer too: whether it gets the packet from the address that
   * was asked.
   */
  returns?: (walk: Walk, sender: Place) => boolean;
  /** On the public side of any host: where a public address leads. */
  receive?: (walk: Walk, host: string) => readonly Way[] | Ending | undefined;
}>;
