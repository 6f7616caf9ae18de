/** What a world has come to, for comparing two ways to it: what differs with the way is left out or replaced. */
import { type JsonObject, presentationOf } from '@weft/api';
import { NAT_TABLE } from '@weft/lb';
import type { World } from './world.ts';
import { WorldFabric } from './world-fabric.ts';

/** Names of fields that hold times and positions, and what follows from them. */
const DEPENDS_ON_THE_WAY = /^(at|position|because|rev|resourceVersion|\w+(At|Time|Timestamp))$/;
const UID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** What `generateName` adds. */
const GENERATED = /-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** One line for each object, as clients are served it, and for each row; in the order of their text. */
export function endState(world: World): readonly string[] {
  const names = new Map<string, string>();
  for (const { key, object } of world.fold.all()) names.set(object.metadata.uid, `<${key.kind} ${key.namespace ?? ''}/${key.name}>`);
  const generated = new Map<string, string>();
  for (const { object } of world.fold.list('PrefixAllocation')) {
    const { name, generateName } = object.metadata;
    if (generateName !== undefined || GENERATED.test(name)) generated.set(name, name.replace(GENERATED, '-*'));
  }
  const replaced = (text: string): string => {
    let known = text.replace(UID, (uid) => names.get(uid) ?? '<uid>');
    for (const [name, pattern] of generated) known = known.replaceAll(name, pattern);
    return known;
  };
  const textOf = (value: unknown): string => replaced(JSON.stringify(comparable(value)));
  const lines: string[] = [];
  for (const state of world.fold.all()) {
    const module = world.registry.kind(state.key.kind);
    if (state.status === 'live' && module !== undefined) lines.push(textOf(presentationOf(module, state).whole));
  }
  for (const [table, rows] of new WorldFabric(world).tables) {
    for (const [key, row] of rows)
      lines.push(table === NAT_TABLE ? `${table} ${textOf(withoutPlace(row))}` : `${table} ${replaced(key)} ${textOf(row)}`);
  }
  return lines.sort();
}

/** Who has which of the ranges of an address follows from who asked first. */
function withoutPlace({ first, last, ...row }: JsonObject): JsonObject {
  return { ...row, ports: Number(last) - Number(first) + 1 };
}

/** Without what depends on the way, and with members in the order of their names. */
function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([name]) => !DEPENDS_ON_THE_WAY.test(name));
  return Object.fromEntries(members.sort(([one], [two]) => (one < two ? -1 : 1)).map(([name, each]) => [name, comparable(each)]));
}
