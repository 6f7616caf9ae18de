export { commandOf } from './append/kept-command.ts';
export { toEvents } from './append/to-events.ts';
export { isUuid, uuidv5 } from './append/uuid.ts';
export type { Release } from './claims/open-releases.ts';
export type { Command, CommandEnvelope, PatchType, Reply, WriteOptions } from './command/command.ts';
export type { Retry } from './command/retry.ts';
export { type BalancerGrant, balancerGrants, type TakenAddress } from './crossing/balancer-grants.ts';
export { addressOfChild, type PrefixLack, rangeOfChild } from './crossing/child-prefixes.ts';
export {
  AddressFamily,
  grantKey,
  type PublicAddressEvents,
  type PublicAddressGrant,
  publicAddressEvents,
  publicAddressGrants,
  type WantedAddresses,
} from './crossing/public-addresses.ts';
export {
  AnyLoadBalancer,
  AnyNamespace,
  AnyNatGateway,
  AnyNetworkInterface,
  AnyPrefix,
  AnyVirtualIp,
  type SeenLoadBalancer,
  type SeenNatGateway,
  type SeenNetworkInterface,
  type SeenPrefix,
  type SeenVirtualIp,
} from './crossing/seen-kinds.ts';
export {
  AnyHost,
  AnyNetwork,
  EVERYTHING,
  type HoldingHost,
  type NumberedNetwork,
  uidOfNetwork,
  type VniGrant,
  vniGrants,
} from './crossing/vni-grants.ts';
export {
  type HeldAddresses,
  type PublicAddressActions,
  type PublicAddressFacts,
  publicAddressPayloads,
  type WantsPublicAddresses,
  wantsPublicAddresses,
} from './crossing/wants-public-addresses.ts';
export { decideObject } from './decide/decide-object.ts';
export { type DecideWhole, decideWholeOf, type WholeDecision } from './decide/decide-whole.ts';
export { accepted, OBJECT_BYTES_MAX, type ObjectCommand, rejected } from './decide/deciding.ts';
export { generatedName, nameProblems } from './decide/metadata.ts';
export { uidOfNew } from './decide/naming.ts';
export { foldFacts } from './decide/preview.ts';
export {
  type ConditionFact,
  conditionChanged,
  conditionFacts,
  conditionOf,
  created,
  createdType,
  endedType,
  finalizersChanged,
  generationChanged,
  noConditionFacts,
  onlyConditionFacts,
  ownerReferencesChanged,
  wholeSeconds,
  withCondition,
} from './fold/common-events.ts';
export { absent, advance, apiVersionOf, foldStream, follow, followAppend, UNREADABLE_ANNOTATION } from './fold/evolve.ts';
export { createFold, type Fold, type PassedOver } from './fold/fold.ts';
export { FoldFork, type ForkBase } from './fold/fold-fork.ts';
export { type Followed, FormerMembers } from './fold/former-members.ts';
export type { FoldImage, FormerPiece, KeptPiece, KeptState, Piece, RecordPiece, Stand } from './fold/image.ts';
export { KnownStates } from './fold/known-states.ts';
export {
  type Assembly,
  asPresented,
  assembly,
  PART_BYTES_MAX,
  PARTS_ANNOTATION,
  type Presentation,
  presentationOf,
} from './kind/assembly.ts';
export { notSupportedYet, ready } from './kind/conditions.ts';
export { type Action, defineKind, defineReservation, type Evolve, type Facets, type State } from './kind/define-kind.ts';
export { type DomainPart, domainOf } from './kind/domain.ts';
export { type Exclusive, exclusiveOf, exclusiveOfRecords } from './kind/exclusive.ts';
export { type Facts, factsOf, type LoopFacts, type NameIn, type NameText, uidOf, type View } from './kind/facts.ts';
export { type Figure, type FigureFacts, figureFactsOf, type Sample } from './kind/figure.ts';
export { type OwnFinalizer, ownFinalizer } from './kind/finalizer.ts';
export { isIncarnation } from './kind/incarnation.ts';
export { type IndexOf, indexOn, staysIn } from './kind/index-of.ts';
export type {
  Accepted,
  Change,
  Claim,
  Column,
  Context,
  DecideContext,
  Decision,
  DomainModule,
  Draft,
  Fact,
  FactOf,
  FactsView,
  FirstObject,
  Folded,
  KindModule,
  OtherShape,
  RecentRequest,
  Rejected,
  ReservationModule,
} from './kind/kind.ts';
export { CONTEXTS, NAMESPACE_INDEX } from './kind/kind.ts';
export { type KindRef, type KindTypes, kindRef, type UntypedKind } from './kind/kind-types.ts';
export { changeOf, defineLedger, type Ledger, type LedgerRef, type LedgerWriter, ledgerRef } from './kind/ledger.ts';
export {
  act,
  commandsOf,
  create,
  isDeleting,
  type Loop,
  living,
  loopOver,
  loopOverIndex,
  loopOverRecords,
  NEVER,
  nameFrom,
  nameText,
  ofKind,
  PROVIDERS,
  type Provider,
  type SomeOf,
} from './kind/loop.ts';
export type { ApiObject, ManagedFields, ObjectKey, ObjectMeta, OwnerReference } from './kind/object.ts';
export { asJson, keyOfStream, streamOf } from './kind/object.ts';
export { specOf, statusOf, withoutStatusField, withSpecField, withStatus } from './kind/object-part.ts';
export { hash32, PARTITIONS, partitionOf } from './kind/partition.ts';
export { plainFieldEvolve, plainFieldFacts, plainFields } from './kind/plain-fields.ts';
export type { FoldView, Projection, ProjectionOver, TableChanges } from './kind/projection.ts';
export { categoryOf } from './log/category.ts';
export {
  CLOUD_TYPE_PREFIX,
  type CloudEvent,
  cloudEventOf,
  cloudEventText,
  isDomainEvent,
  isSystemStream,
  sourceOf,
} from './log/cloud-event.ts';
export {
  type Actor,
  type Append,
  appendOf,
  type Because,
  type EventMetadata,
  isOurs,
  isWeft,
  type NewEvent,
  type Position,
  type RecordedEvent,
} from './log/envelope.ts';
export { type EventSchema, eventSchemas } from './log/event-schemas.ts';
export { type DataOf, defineEvents, type RecordedOf, type Schemas } from './log/event-set.ts';
export type { JsonObject, JsonValue } from './log/json.ts';
export { cursorOf, cursorOfVersion, positionOfVersion, resourceVersionOf } from './log/resource-version.ts';
export { anyJson, DecimalPosition, ofModel } from './log/schemas.ts';
export { ask, askEverything, type Owed } from './loops/ask-everything.ts';
export { type Sent, targetOf } from './loops/loop-command.ts';
export { MANAGER_LENGTH_MAX, managerErrors } from './managers/asked-managers.ts';
export { withManagers, withoutManagers } from './managers/managers.ts';
export { ConditionModel } from './model/condition.model.ts';
export { type Decoded, decode } from './model/decode.ts';
export {
  Flag,
  Free,
  FreeList,
  Int,
  Ip,
  IpList,
  Nested,
  NestedList,
  Prefix,
  PrefixList,
  Text,
  TextList,
  TextMap,
  Time,
} from './model/fields.ts';
export { ObjectMetaModel } from './model/object-meta.ts';
export { LocalObjectReference, LocalUidReference } from './model/references.model.ts';
export { modelSchema, objectSchema } from './model/schema.ts';
export { asApplied } from './model/spelling.ts';
export {
  type Children,
  type ChildrenDefinition,
  childrenOf,
  EPHEMERAL_ANNOTATION,
  EPHEMERAL_MANAGER,
  type WantedChild,
} from './owners/children.ts';
export { OWNER_INDEX } from './owners/owner-index.ts';
export type { Clock, Random, Timer, Timers } from './platform/clock.ts';
export { SLICE_MS, Slices } from './platform/slices.ts';
export { SpareTime } from './platform/spare-time.ts';
export { systemClock, systemRandom } from './platform/system.ts';
export { Nap, within } from './platform/waiting.ts';
export { type Owner, type Registry, registry } from './registry/registry.ts';
export { type CommandPort, type CourseOfClaim, courseOf, runCommand } from './run/command-run.ts';
export { runDraft } from './run/draft-run.ts';
export { NotDoneError, OutcomeUnknownError, refusal, replyToFault, unavailable } from './run/faults.ts';
export type { Appended, ObjectMemory, ObjectPort } from './run/object-port.ts';
export { isDryRun, runObject } from './run/object-run.ts';
export { type Ending, type Proposer, ReservationQueue } from './run/reservation-queue.ts';
export { type Reservation, type ReservationPort, runReservation } from './run/reservation-run.ts';
export { reservingNow } from './run/reserving-now.ts';
export { type Later, runLater, runNow } from './run/steps.ts';
export { matchesFields, parseFieldSelector, unsupportedField } from './selectors/field-selector.ts';
export { LabelSelectorModel } from './selectors/label-selector.model.ts';
export { labelSelectorErrors } from './selectors/label-selector.rules.ts';
export { type LabelSelector, matchesLabels, type Parsed, parseLabelSelector } from './selectors/label-selector.ts';
export { anchorsOf, anchorValues, selectorText, selects } from './selectors/selecting.ts';
export { duplicate, forbidden, immutable, invalid, notSupported, required, tooLong } from './status/field-errors.ts';
export type { CauseReason, FieldError, Status, StatusReason } from './status/status.ts';
export {
  badRequest,
  conflict,
  failure,
  forbiddenStatus,
  internalError,
  invalidStatus,
  methodNotAllowed,
  namespaceNotFound,
  noStrategicMerge,
  notFound,
  requestTooLarge,
  serverTimeout,
  serviceUnavailable,
  timedOut,
  undecodable,
  unknownKind,
  unsupportedMediaType,
} from './status/statuses.ts';
export { ageOf } from './table/age.ts';
export { AGE_COLUMN, NAME_COLUMN, textColumn } from './table/columns.ts';
export { addressDefaults, withTemplate } from './templates/ip-source.defaults.ts';
export { EphemeralPrefixSource, IpSource } from './templates/ip-source.model.ts';
export { childNameErrors, ipFamiliesErrors, ipSourceErrors } from './templates/ip-source.rules.ts';
export { prefixSpecDefaults, prefixTemplateDefaults } from './templates/prefix-template.defaults.ts';
export { PrefixTemplate, PrefixTemplateSpec } from './templates/prefix-template.model.ts';
export {
  prefixErrors,
  prefixLengthErrors,
  prefixSpecErrors,
  prefixTemplateErrors,
  referenceErrors,
} from './templates/prefix-template.rules.ts';
export { templateLabelsErrors } from './templates/template-metadata.rules.ts';
export { VirtualIpTemplate } from './templates/virtual-ip-template.model.ts';
export { virtualIpSpecErrors, virtualIpTemplateErrors } from './templates/virtual-ip-template.rules.ts';
export { checked, matches } from './values/checked.ts';
export { DEPTH_MAX } from './values/depth.ts';
export { type Difference, differences } from './values/differences.ts';
export { sameJson } from './values/equal.ts';
export { each, type Few, has, minus, plus, sizeOf } from './values/few.ts';
export { firstFew } from './values/first-few.ts';
export {
  DHCP_ATTRIBUTE,
  type GuestWish,
  guestAddressProblem,
  guestNetnsProblem,
  guestRangeProblem,
  guestTapProblem,
  guestWish,
  guestWishProblems,
  NETNS_ATTRIBUTE,
  TAP_ATTRIBUTE,
  unusableAddress,
} from './values/guest.ts';
export { inParallel } from './values/in-parallel.ts';
export {
  bitsOf,
  bytesOfIp,
  canonicalIp,
  familyOfIp,
  type IpFamily,
  type IpPrefix,
  ipOfBytes,
  isSingleAddress,
  parsePrefix,
} from './values/ip.ts';
export { ipFamilyErrors } from './values/ip-family.rules.ts';
export { holdsRange, type IpRange, ipOfNumber, maskedPrefix, numberOfIp, rangeOf, rangesOverlap } from './values/ip-number.ts';
export { mapChanged } from './values/map-changed.ts';
export { anyMember, type Members, memberOf, membersByName, membersIn, withMember, withoutMember } from './values/members.ts';
export { labelProblems, qualifiedNameProblems, subdomainProblems } from './values/names.ts';
export { Oldest } from './values/oldest.ts';
export { SortedMap } from './values/sorted-map.ts';
export { msOfTime, textOfTime } from './values/times.ts';
export { withFields } from './values/with-fields.ts';
export { type Finding, LogCheck } from './verify/log-check.ts';
export { owedByLog, owedText } from './verify/owed.ts';
