import { contextOf } from '@weft/testing';
import fc from 'fast-check';
import { decideObject } from '../decide/decide-object.ts';
import type { ObjectCommand } from '../decide/deciding.ts';
import { keyOfCommand, uidOfDecision } from '../decide/naming.ts';
import { absent, foldStream } from '../fold/evolve.ts';
import type { Accepted, Folded } from '../kind/kind.ts';
import { type ObjectKey, streamOf } from '../kind/object.ts';
import type { Actor, RecordedEvent } from '../log/envelope.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import { registry as registryOf } from '../registry/registry.ts';
import { testDomain, testKind } from '../testing/test-kind.ts';
import { commandOf, KEPT_COMMAND_BYTES_MAX, keptCommand } from './kept-command.ts';
import { toEvents } from './to-events.ts';
import { uuidv5 } from './uuid.ts';

const registry = registryOf([{ ...testDomain, kinds: [testKind] }]);
const KEY: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const user: Actor = { user: 'tester', verified: false };

type Step = Readonly<{ before: Folded; after: Folded; events: readonly RecordedEvent[]; command: ObjectCommand; requestId: string }>;

const contextFor = (requestId: string) =>
  contextOf({ requestId, derive: (label: string) => uuidv5(requestId, label), externalProvider: true });

/** Carries out a command and stores its append as JSON; undefined when nothing is appended. */
function carriedOut(before: Folded, command: ObjectCommand, requestId: string, actor = user): Step | undefined {
  const context = contextFor(requestId);
  const decision = decideObject(registry, command, before, context);
  if (decision.outcome !== 'accepted' || decision.facts.length === 0) return undefined;
  const cause = { requestId, actor, correlationId: requestId, causationId: requestId };
  const uid = uidOfDecision(command, before, decision, context);
  const stream = streamOf(before.key);
  const target = {
    stream,
    expected: before.revision,
    now: context.now,
    ...(uid !== undefined && { uid }),
    command: keptCommand(command, actor),
  };
  const first = before.revision === 'none' ? 0n : before.revision + 1n;
  const events = toEvents(decision.facts, cause, target).map((event, i): RecordedEvent => {
    const revision = first + BigInt(i);
    return { ...(JSON.parse(JSON.stringify(event)) as RecordedEvent), stream, revision, position: (revision + 1n) * 10n };
  });
  return { before, after: foldStream(registry, before.key, events, before), events, command, requestId };
}

const word = fc.constantFrom('red', 'green', 'blue');
const specs: fc.Arbitrary<JsonObject> = fc.record(
  { colour: word, size: fc.nat(9), loud: fc.boolean(), words: fc.array(word, { maxLength: 2 }), notes: fc.dictionary(word, word) },
  { requiredKeys: ['colour'] },
);
const metadata: fc.Arbitrary<JsonObject> = fc.record(
  { labels: fc.dictionary(word, word), annotations: fc.dictionary(word, word), finalizers: fc.constantFrom(['x.dev/hold'], []) },
  { requiredKeys: [] },
);
const options = fc.constantFrom(undefined, { fieldManager: 'me' }, { fieldValidation: 'Strict' as const });

/** A command that depends on the object's state at the time when it is sent. */
const commands: fc.Arbitrary<(state: Folded) => ObjectCommand> = fc.oneof(
  fc.tuple(metadata, specs, options, fc.boolean()).map(([meta, spec, given, named]) => () => {
    const object = { metadata: { ...meta, ...(named ? { name: 'a' } : { generateName: 'a' }) }, spec };
    return { verb: 'create' as const, kind: 'Thing', namespace: 'ns', object, ...(given && { options: given }) };
  }),
  fc.tuple(metadata, specs, options).map(([meta, spec, given]) => ({ object }: Folded) => {
    const { resourceVersion, uid } = object.metadata;
    return {
      verb: 'replace' as const,
      key: KEY,
      object: { metadata: { ...meta, name: 'a', resourceVersion, uid }, spec },
      ...(given && { options: given }),
    };
  }),
  fc.tuple(word).map(([state]) => ({ object }: Folded) => ({
    verb: 'replace' as const,
    key: KEY,
    object: { metadata: { name: 'a', resourceVersion: object.metadata.resourceVersion }, spec: { colour: 'red' }, status: { state } },
    subresource: 'status' as const,
  })),
  fc.tuple(metadata, specs, options).map(([meta, spec, given]) => () => ({
    verb: 'patch' as const,
    key: KEY,
    patchType: 'merge' as const,
    patch: { metadata: meta, spec } as JsonValue,
    ...(given && { options: given }),
  })),
  fc.tuple(word).map(([colour]) => () => ({
    verb: 'patch' as const,
    key: KEY,
    patchType: 'json' as const,
    patch: [{ op: 'replace', path: '/spec/colour', value: colour }],
  })),
  fc.boolean().map((force) => ({ object }: Folded) => ({
    verb: 'delete' as const,
    key: KEY,
    preconditions: { uid: object.metadata.uid },
    force,
  })),
  word.map((colour) => () => ({ verb: 'act' as const, key: KEY, action: 'Paint', payload: { colour } })),
  fc.constant(() => ({ verb: 'act' as const, key: KEY, action: 'Unhold', payload: {} })),
);

describe('A command in the log', () => {
  it('gives the same facts when it is decided again on the state before', () => {
    const rebuilt: Record<string, number> = {};
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 12 }), fc.boolean(), (list, isLive) => {
        let state = isLive ? live() : absent(registry, KEY);
        list.forEach((commandFor, n) => {
          const requestId = uuidv5('6f1d3c5e-0000-5000-8000-000000000003', String(n));
          const sent = commandFor(state);
          if (keyOfCommand(sent, () => requestId).name !== 'a') {
            const other = { ...KEY, name: keyOfCommand(sent, () => requestId).name };
            check(carriedOut(absent(registry, other), sent, requestId));
            return;
          }
          const step = carriedOut(state, sent, requestId);
          check(step);
          state = step?.after ?? state;
        });
      }),
      { numRuns: 300 },
    );
    function check(step: Step | undefined): void {
      if (step === undefined) return;
      const again = commandOf(step, step.after);
      expect(again).toBeDefined();
      const decision = decideObject(registry, again as ObjectCommand, step.before, contextFor(step.requestId)) as Accepted;
      const facts = step.events.map(({ type, data }) => ({ type, data }));
      expect(JSON.parse(JSON.stringify(decision.facts ?? decision))).toEqual(facts);
      rebuilt[step.command.verb] = (rebuilt[step.command.verb] ?? 0) + 1;
    }
    for (const verb of ['create', 'replace', 'patch', 'delete', 'act']) expect(rebuilt[verb]).toBeGreaterThan(20);
  });

  function live(): Folded {
    const step = carriedOut(
      absent(registry, KEY),
      { verb: 'create', kind: 'Thing', namespace: 'ns', object: { metadata: { name: 'a' }, spec: { colour: 'red' } } },
      uuidv5('6f1d3c5e-0000-5000-8000-000000000003', 'first'),
    );
    if (step === undefined) throw new Error('it must be created');
    return step.after;
  }
  const request = uuidv5('6f1d3c5e-0000-5000-8000-000000000003', 'second');
  const paint: ObjectCommand = { verb: 'act', key: KEY, action: 'Paint', payload: { colour: 'blue' } };
  const labelled = (value: JsonValue): ObjectCommand => ({
    verb: 'patch',
    key: KEY,
    patchType: 'merge',
    patch: { metadata: { annotations: { a: value } } },
  });

  it('is carried by the first event of an append only', () => {
    const patch: JsonValue = { metadata: { labels: { a: 'b' } }, spec: { colour: 'blue' } };
    const step = carriedOut(live(), { verb: 'patch', key: KEY, patchType: 'merge', patch }, request);
    expect(step?.events.map(({ metadata: { command } }) => command)).toEqual([
      { verb: 'patch', patchType: 'merge', patch },
      undefined,
      undefined,
    ]);
  });

  it('leaves out the object of a creation, and is not shown in any object', () => {
    const { object } = live();
    expect(object.metadata).not.toHaveProperty('command');
    expect(keptCommand({ verb: 'create', kind: 'Thing', object: {}, options: { fieldManager: 'me' } }, user)).toEqual({
      verb: 'create',
      options: { fieldManager: 'me' },
    });
  });

  it.each([
    ['a user, payload and all', user, true],
    ['nobody in particular, payload and all', { user: 'system:anonymous', verified: false }, true],
    ['an agent, payload and all', { user: 'system:host:a', verified: false }, true],
    ['a verified agent, payload and all', { user: 'system:host:a', verified: true }, true],
    ['a control loop, without the payload', { user: 'system:loop:settle', verified: true }, false],
    ['the system, without the payload', { user: 'system:network-svc', verified: true }, false],
  ])('of %s', (_who, actor, isKept) => {
    const step = carriedOut(live(), paint, request, actor);
    expect(step?.events[0]?.metadata.command).toEqual({ verb: 'act', action: 'Paint', ...(isKept && { payload: { colour: 'blue' } }) });
    expect(step && commandOf(step, step.after)).toEqual(isKept ? paint : undefined);
  });

  it('is cut where it is too large, or where no store would take it', () => {
    expect(keptCommand(labelled('x'.repeat(KEPT_COMMAND_BYTES_MAX)), user)).toEqual({ verb: 'patch', cut: true });
    expect(keptCommand(labelled('ä'.repeat(KEPT_COMMAND_BYTES_MAX / 2)), user)).toEqual({ verb: 'patch', cut: true });
    expect(keptCommand(labelled('x'.repeat(KEPT_COMMAND_BYTES_MAX - 200)), user)).toMatchObject({ patchType: 'merge' });
    expect(keptCommand(labelled('\ud800'), user)).toEqual({ verb: 'patch', cut: true });
    expect(keptCommand(labelled(JSON.parse('{"__proto__": 1}') as JsonValue), user)).toEqual({ verb: 'patch', cut: true });
    const step = carriedOut(live(), labelled('x'.repeat(KEPT_COMMAND_BYTES_MAX)), request);
    expect(step && commandOf(step, step.after)).toBeUndefined();
  });

  it('is missing from appends of an older version', () => {
    const step = carriedOut(live(), paint, request);
    const [{ metadata: kept, ...event }] = (step?.events ?? []) as [RecordedEvent];
    const { command: _, ...metadata } = kept;
    expect(commandOf({ events: [{ ...event, metadata }] }, live())).toBeUndefined();
  });
});
