/**
 * Events follow from the log: each tells that a condition of an object turned, and is served as long as it is news (ADR 36).
 *
 *   a condition turns bad ──────────────────────────> event-warnings[<namespace>/<name>]   at most 4,000
 *   it turns good, or waits for what will come ─────> event-notices[<namespace>/<name>]    at most 1,000
 *   the same again ─────────────────────────────────> the same record, counted
 *   more than an hour old, or too many of them, or their namespace ends ──> deleted, the oldest first
 *
 * Time is that of the log, so that every fold of it has the same records.
 */
import {
  type Change,
  conditionOf,
  defineLedger,
  type Folded,
  type JsonObject,
  type Ledger,
  type LedgerWriter,
  ledgerRef,
  type RecordedEvent,
  resourceVersionOf,
  uuidv5,
  wholeSeconds,
} from '@weft/api';
import { onceFor } from '../remembered.ts';
import { forgetOld, keepNewest, stateOfEvent } from './event-expiry.ts';
import { eventFieldsOf } from './event-fields.ts';

export const eventWarnings = ledgerRef<Folded>('event-warnings');
export const eventNotices = ledgerRef<Folded>('event-notices');

export const WARNINGS_MAX = 4_000;
export const NOTICES_MAX = 1_000;

const NAME_MAX = 253;
const MESSAGE_MAX = 1_024;
const COMPONENT = 'weft';
const IDS = '6f1d3c5e-0000-5000-8000-00000000000e';

/** Conditions whose names tell that something is amiss: these are bad while they are True, all others while they are not. */
const TELLS_TROUBLE = /^TooMany|(Exhausted|Refused|Blocked|Remaining|Conflict|Unsupported)$/;
/** Of these: a deletion that waits for others to go. */
const TELLS_WAITING = /(Blocked|Remaining)$/;
/**
 * Reasons that say what an object waits for, or was not asked to do: `…Not…`, `…Nothing`, `…Pending`, or that something goes on. Nobody has to do anything
 * about these: it comes, or somebody has yet to apply it. Every other reason tells of a conflict, a shortage, a loss or a refusal.
 */
const WAITS = /Not[A-Z]|^No(Targets|Claimant|Selector)$|(Pending|(?<!Miss)ing)$/;

type Condition = NonNullable<ReturnType<typeof conditionOf>>;
type Turn = Readonly<{ condition: Condition; type: 'Normal' | 'Warning' }>;

const ledgerOf = (ref: typeof eventWarnings, type: Turn['type'], max: number): Ledger =>
  defineLedger(ref, (change, records) => {
    forgetOld(change, records, lastSeen);
    if (!change.append.events.some(setsCondition)) return; // As most.
    for (const turn of turnsOf(change)) if (turn.type === type) tell(turn, change, records, max);
  });

export const eventLedgers: readonly Ledger[] = [
  ledgerOf(eventWarnings, 'Warning', WARNINGS_MAX),
  ledgerOf(eventNotices, 'Normal', NOTICES_MAX),
];

/** Both ledgers ask. */
const turnsOf = onceFor((change: Change) => [...turnsIn(change)]);

/** Conditions of the object whose status or reason differ after the append. What an object says as it is made is no news, unless it is a warning. */
function* turnsIn({ append, before, after }: Change): Iterable<Turn> {
  if (after?.status !== 'live') return;
  const isNew = before?.status !== 'live' || before.object.metadata.uid !== after.object.metadata.uid;
  for (const type of turned(append.events)) {
    const condition = conditionOf(after.object, type);
    const was = isNew ? undefined : conditionOf(before.object, type);
    if (condition === undefined || (was?.status === condition.status && was.reason === condition.reason)) continue;
    if (isBad(condition)) {
      const isWarning = !TELLS_WAITING.test(type) && !WAITS.test(condition.reason ?? '');
      if (isWarning || !isNew) yield { condition, type: isWarning ? 'Warning' : 'Normal' };
    } else if (was !== undefined && isBad(was)) yield { condition, type: 'Normal' };
  }
}

function setsCondition({ type }: RecordedEvent): boolean {
  return type === 'ConditionChanged.v1';
}

function turned(events: readonly RecordedEvent[]): ReadonlySet<string> {
  return new Set(events.filter(setsCondition).map(({ data }) => String(data['type'])));
}

function isBad({ type, status }: Condition): boolean {
  return TELLS_TROUBLE.test(type) ? status === 'True' : status !== 'True';
}

function tell({ condition, type }: Turn, { append, after }: Change, records: LedgerWriter<Folded>, max: number): void {
  const { key, object } = after as Folded;
  const { uid } = object.metadata;
  const { reason = '', message = '' } = condition;
  // The same turn of the same object is the same Event again.
  const id = uuidv5(IDS, `${uid} ${type} ${condition.type} ${reason}`);
  const suffix = `.${id.replaceAll('-', '').slice(0, 16)}`;
  const name = `${key.name.slice(0, NAME_MAX - suffix.length)}${suffix}`;
  const namespace = key.namespace ?? 'default';
  const place = `${namespace}/${name}`;
  const known = records.get(place);
  const time = wholeSeconds(append.events[0].metadata.time);
  const first = known === undefined ? time : (eventFieldsOf(known.object).firstTimestamp ?? time);
  const count = known === undefined ? 1 : (eventFieldsOf(known.object).count ?? 0) + 1;
  const resourceVersion = resourceVersionOf(append.events.at(-1) as RecordedEvent);
  const involvedObject: JsonObject = {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(key.namespace !== undefined && { namespace: key.namespace }),
    name: key.name,
    uid,
    resourceVersion,
  };
  const metadata = { name, namespace, uid: id, resourceVersion, creationTimestamp: first };
  // Moved behind all others: the oldest is first.
  records.delete(place);
  records.put(
    place,
    stateOfEvent({ namespace, name }, append.position, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata,
      involvedObject,
      reason,
      message: (message || `${condition.type} is ${condition.status}`).slice(0, MESSAGE_MAX),
      type,
      count,
      firstTimestamp: first,
      lastTimestamp: time,
      source: { component: COMPONENT },
      reportingComponent: COMPONENT,
      reportingInstance: '',
    }),
  );
  keepNewest(records, max);
}

function lastSeen(state: Folded): string {
  return String((state.object as { lastTimestamp?: string }).lastTimestamp);
}
