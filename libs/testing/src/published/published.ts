/** The schemas of events that are published, and streams that were recorded: what is in these files was promised. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Append, eventSchemas, type JsonObject, type RecordedEvent, registry } from '@weft/api';
import { tour } from '../graph/tour.ts';
import { weftDomains } from '../world/weft-domains.ts';
import { World } from '../world/world.ts';
import { breaksOf } from './compare.ts';

const SCHEMAS = join(import.meta.dirname, 'schemas.jsonl');
/** Schema by `<Kind> <type>`. */
export type Published = Readonly<Record<string, JsonObject>>;

export function publishedSchemas(): Published {
  const lines = existsSync(SCHEMAS) ? readFileSync(SCHEMAS, 'utf8').trimEnd().split('\n') : [];
  return Object.fromEntries(lines.map((line) => JSON.parse(line) as [string, JsonObject]));
}

export function schemasNow(): Published {
  return Object.fromEntries(eventSchemas(registry(weftDomains)).map(({ kind, type, schema }) => [`${kind} ${type}`, schema]));
}

/** What breaks a published schema. One of a type that is lifted is kept by its lift. */
export function broken(published: Published, now: Published, isLifted: (type: string) => boolean): readonly string[] {
  return Object.entries(published).flatMap(([name, schema]) => {
    const young = now[name];
    if (young !== undefined) return breaksOf(schema, young).map((what) => `${name}: ${what}`);
    return isLifted(name.split(' ')[1] as string) ? [] : [`${name}: it is gone, and nothing lifts it`];
  });
}

/** One schema a line, sorted, so that changes of several people meet seldom. */
export function writeSchemas(schemas: Published): void {
  const lines = Object.keys(schemas)
    .sort()
    .map((name) => JSON.stringify([name, schemas[name]]));
  writeFileSync(SCHEMAS, `${lines.join('\n')}\n`);
}

/** Names of versions whose streams were recorded. */
export function recordedVersions(): readonly string[] {
  return readdirSync(import.meta.dirname).flatMap((file) =>
    file.endsWith('.streams.jsonl.gz') ? [file.slice(0, -'.streams.jsonl.gz'.length)] : [],
  );
}

const fileOf = (version: string) => join(import.meta.dirname, `${version}.streams.jsonl.gz`);

/** Logs, each of them whole: positions begin anew with the next one. */
export function recordedLogs(version: string): readonly (readonly RecordedEvent[])[] {
  const logs: RecordedEvent[][] = [];
  for (const line of gunzipSync(readFileSync(fileOf(version)))
    .toString()
    .trimEnd()
    .split('\n')) {
    const event = JSON.parse(line) as RecordedEvent & { revision: string; position: string };
    const recorded = { ...event, revision: BigInt(event.revision), position: BigInt(event.position) };
    const last = logs.at(-1)?.at(-1);
    if (last === undefined || last.position >= recorded.position) logs.push([]);
    logs.at(-1)?.push(recorded);
  }
  return logs;
}

/** Records what happens in the tour, in which every loop has work. */
export function recordStreams(version: string): number {
  const worlds: World[] = [];
  tour((options = {}) => {
    const world = new World(options);
    worlds.push(world);
    return world;
  });
  const events = worlds.flatMap((world) => world.appends.flatMap((append: Append) => append.events));
  const lines = events.map((event) => JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? value.toString() : value)));
  writeFileSync(fileOf(version), gzipSync(`${lines.join('\n')}\n`, { level: 9 }));
  return events.length;
}
