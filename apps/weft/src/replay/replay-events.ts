/** `weft replay events`: a range of the log as CloudEvents, one JSON text a line or a message each, as fast as is asked for. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type CloudEvent, cloudEventOf, isDomainEvent, sourceOf, systemClock } from '@weft/api';
import type { Bus } from '@weft/bus';
import { createLog, openBus } from '@weft/service';
import { CommandError, DONE, NO_ANSWER } from '../cli/exit-codes.ts';
import type { Terminal } from '../cli/terminal.ts';
import { type Call, textOf } from '../cli/verb.ts';
import { type OpenLog, positionBefore, positionOf, progressOf, withLog } from './open-log.ts';

/** Where events go. Resolves when they are there. */
export type Sink = Readonly<{ put: (events: readonly CloudEvent[]) => Promise<void>; close: () => Promise<void> }>;

const BATCH_MAX = 500;
const FILE_EVENTS = 100_000;
const CONNECT_MS_MAX = 10_000;
const LOOK_EVERY_MS = 20;

export function replayEvents(call: Call, clock: Clock = systemClock): Promise<number> {
  const { options, terminal } = call;
  const rate = rateOf(textOf(options, 'rate'));
  return withLog(terminal, async (log) => {
    const { store, kinds, where } = log;
    const wanted = textOf(options, 'kind')?.split(',');
    const unknown = wanted?.find((name) => kinds.kind(name) === undefined);
    if (unknown !== undefined) throw new CommandError(`"${unknown}" is no kind: ${kinds.kinds.map(({ kind }) => kind).join(', ')}`);
    const from = await positionBefore(store, textOf(options, 'from') ?? '0', clock);
    const to = await positionOf(store, textOf(options, 'to') ?? (await store.head()).toString(), clock);
    if (from > to) throw new CommandError('--from lies behind --to');
    const sink = await sinkOf(call, log, clock);
    const progress = progressOf(terminal, 'replay', clock);
    const startedMs = clock.monotonicMs();
    const source = sourceOf(store.storeId);
    let count = 0;
    let position = from;
    try {
      for await (const page of store.readAppendPages({ from })) {
        const events = page.flatMap((append) =>
          append.events
            .filter((event) => event.position > from && event.position <= to && isDomainEvent(event))
            .map((event) => cloudEventOf(source, event, append)),
        );
        const chosen = wanted === undefined ? events : events.filter(({ kind }) => wanted.includes(kind));
        for (let at = 0; at < chosen.length && !terminal.ended.aborted; at += batchOf(rate)) {
          const batch = chosen.slice(at, at + batchOf(rate));
          if (rate !== undefined) await clock.pause(Math.max(0, startedMs + (count / rate) * 1_000 - clock.monotonicMs()));
          await sink.put(batch);
          count += batch.length;
          position = BigInt((batch.at(-1) as CloudEvent).position);
          progress(`${count} events, up to position ${position}`);
        }
        if (terminal.ended.aborted || (page.at(-1)?.position ?? 0n) >= to) break;
      }
    } catch (error) {
      throw count === 0
        ? error
        : new CommandError(`${(error as Error).message}; ${count} events were replayed: go on with --from ${position}`, NO_ANSWER);
    } finally {
      await sink.close();
    }
    const seconds = (clock.monotonicMs() - startedMs) / 1_000;
    const perSecond = Math.round(count / Math.max(seconds, 0.001));
    terminal.complain(`${where}: ${count} events between positions ${from} and ${to} in ${seconds.toFixed(1)} s (${perSecond} a second)`);
    return DONE;
  });
}

function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = Number(text);
  if (!(rate > 0) || rate > 1e9) throw new CommandError(`--rate "${text}" is not understood: events per second, for example 500`);
  return rate;
}

/** What is sent at once is at most a tenth of a second's worth. */
function batchOf(rate: number | undefined): number {
  return rate === undefined ? BATCH_MAX : Math.max(1, Math.min(BATCH_MAX, Math.floor(rate / 10)));
}

async function sinkOf({ options, terminal }: Call, log: OpenLog, clock: Clock): Promise<Sink> {
  const [directory, subject] = [textOf(options, 'directory'), textOf(options, 'subject')];
  if (directory !== undefined && subject !== undefined) throw new CommandError('--directory or --subject, not both');
  if (directory !== undefined) return intoDirectory(directory);
  return subject === undefined ? ontoTerminal(terminal) : ontoSubject(subject, log, clock);
}

function ontoTerminal(terminal: Terminal): Sink {
  return { put: (events) => terminal.write(linesOf(events)), close: async () => {} };
}

/** Files are named by the position of their first event, so that their order is that of their names. */
export function intoDirectory(directory: string): Sink {
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0) throw new CommandError(`${directory} is not empty: choose another directory`);
  let file: string | undefined;
  let held = 0;
  return {
    put: async (events) => {
      const [first] = events;
      if (first === undefined) return;
      if (file === undefined || held >= FILE_EVENTS) {
        file = join(directory, `events-${first.position.padStart(20, '0')}.jsonl`);
        held = 0;
        writeFileSync(file, '', { flag: 'wx' });
      }
      await appendFile(file, linesOf(events));
      held += events.length;
    },
    close: async () => {},
  };
}

async function ontoSubject(subject: string, { config }: OpenLog, clock: Clock): Promise<Sink> {
  if (!/^[^\s.*>]+(\.[^\s.*>]+)*$/.test(subject) || subject.startsWith('weft.') || subject.startsWith('$'))
    throw new CommandError(`"${subject}" is no subject to publish on: for example replay.weft (not below weft., which Weft itself uses)`);
  const bus = openBus(config.bus, 'weft replay', createLog('error', 'weft'));
  if (!(await connected(bus, clock))) {
    await bus.close();
    throw new CommandError('no NATS server answers: name one with WEFT_NATS=nats://host:4222, or start Weft ("weft up")', NO_ANSWER);
  }
  return {
    put: async (events) => {
      for (const event of events) bus.publish(subject, Buffer.from(JSON.stringify(event)));
      await bus.flush();
    },
    close: () => bus.close(),
  };
}

async function connected(bus: Bus, clock: Clock): Promise<boolean> {
  const untilMs = clock.monotonicMs() + CONNECT_MS_MAX;
  while (!bus.connected && clock.monotonicMs() < untilMs) await clock.pause(LOOK_EVERY_MS);
  return bus.connected;
}

function linesOf(events: readonly CloudEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}
