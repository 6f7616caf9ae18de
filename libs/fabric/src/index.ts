export { type Backends, backendsOf } from './balancing/backends.ts';
export { balancingTables } from './balancing/balancing.oracle.ts';
export { bucketOf, type Flow, targetOf } from './balancing/bucket-of-flow.ts';
export { BUCKETS, type BucketTable, bucketTable, targetOfBucket } from './balancing/bucket-table.ts';
export type { Probe, Prober, TargetCheck } from './balancing/checks.ts';
export { compile, type HostTables } from './compile/compile.ts';
export { Compiler, type KernelChange } from './compile/compiler.ts';
export { keptOf } from './compile/followed-rows.ts';
export { OVERLAY_MTU_MIN, overlayMtu } from './compile/overlay-mtu.ts';
export { HERE_MARK, UPLINK_DEVICE } from './edges/public-side.ts';
export { evaluate, evaluateIn } from './evaluate/evaluate.ts';
export type { DecidingRow, DropReason, Ending, Header, Packet, Path, Protocol, Step, Verdict } from './evaluate/packet.ts';
export { type SeenDestination, type Visibility, visibleFrom } from './evaluate/visible.ts';
export type { FabricModel, Unplaced } from './evaluate/walk.ts';
export { ENTRY_KINDS, FEATURES, isBucketed, tablesOfSection, wholeTableOf } from './features.ts';
export { deviceOf, entryProblem, overlapping, referencesOf } from './kernel/entry-rules.ts';
export { type EntryDraft, type Feature, sectionsOf } from './kernel/feature.ts';
export type {
  Driver,
  DriverChange,
  DriverFault,
  ElementCount,
  EntryObject,
  GuardObject,
  HostIdentity,
  KernelObject,
  KernelState,
  PeerObject,
  PortObject,
  RouteObject,
  RouterObject,
} from './kernel/kernel-objects.ts';
export {
  asCarried,
  ENTRY_STATES,
  type EntryState,
  keyOf,
  partsOfEntryKey,
  routerScope,
  sameKernelObject,
  sharesOf,
  vniOfKey,
  vniOfObject,
  vniOfScope,
} from './kernel/kernel-objects.ts';
export type { OpenProbe, ProbeHop, ProbeSeen, ProbeWatch, SentProbe } from './kernel/live-probe.ts';
export { type NftType, partsOf, textOfParts } from './kernel/nft-types.ts';
export { ObjectMap } from './kernel/object-map.ts';
export { GATEWAY_V4, hostOfNextHop, nextHop, portDevice, routerMac, routerSourceV6 } from './kernel/router-names.ts';
export {
  type Chain,
  declarationOf,
  type NftSection,
  type Section,
  TABLE_SECTIONS,
  type TableSection,
  wireDevice,
} from './kernel/sections.ts';
export { natTables } from './nat/nat.oracle.ts';
export { peeringTables } from './peering/peering.oracle.ts';
export { policyTables } from './policy/policy.oracle.ts';
export { policies } from './policy/policy.projection.ts';
export { projectionsOf, readByRows, rowsIn } from './projections.ts';
export { type Flip, type Reach, type ReachEnd, reached, reachOf } from './rehearsal/reach.ts';
export type { PortPart } from './rehearsal/reach-ports.ts';
export { type Rehearsal, Stage, type StageOptions } from './rehearsal/stage.ts';
export { contentsOf, type RowDifference } from './rehearsal/standing-rows.ts';
export { routingTables } from './routing/routing.oracle.ts';
export { FollowedAnswer } from './rows/followed-answer.ts';
export {
  type FollowedTable,
  tablesFollowedBy,
  tablesOfEdge,
  tablesOfHost,
  tablesOfImport,
  tablesOfNetwork,
} from './rows/followed-tables.ts';
export { type FoundRow, type Lookup, type RowIndex, type RowTables, TableRows } from './rows/row-index.ts';
export { type ProjectedChange, RowProjection, type RowsOf } from './rows/row-projection.ts';
export { type RowResource, resourceOfRow } from './rows/row-resource.ts';
export {
  decodeEdgeRow,
  decodeHostRow,
  decodeImportRow,
  edgesTable,
  endpointsTable,
  hostsTable,
  importsTable,
  parseTable,
  peeringsTable,
  placementsTable,
  policiesTable,
  type Table,
} from './rows/rows.codec.ts';
export type {
  BalancerRow,
  EndpointRow,
  HostRow,
  ImportRow,
  MemberRow,
  NatRow,
  PeeringRow,
  PlacementRow,
  PolicyRow,
  Row,
  TableName,
  Tables,
  TargetRow,
} from './rows/rows.ts';
export { PUBLIC_VNI } from './rows/rows.ts';
export { RowsOnDemand } from './rows/rows-on-demand.ts';
