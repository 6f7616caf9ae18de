/** `weft get`: resources as a table, as documents or by name; now, or as they were. */
import type { Command } from 'commander';
import { CommandError, DONE } from '../cli/exit-codes.ts';
import { Kinds, pathOf, type Ref, typeNameOf } from '../cli/kinds.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { type Server, serverOf, takesServer } from '../cli/server.ts';
import { tableOf } from '../cli/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import { type Call, type Options, textOf, type Verb } from '../cli/verb.ts';

export const get: Verb = {
  declare(command: Command) {
    command
      .description('Shows resources: all of a kind, or those that are named.')
      .argument('<what...>', 'networks; net,nic; net web db; network/web; network/default/web')
      .option('-n, --namespace <name>', 'the namespace (default: "default")')
      .option('-A, --all-namespaces', 'in all namespaces')
      .option('-l, --selector <labels>', 'those with these labels, for example tier=web')
      .option('--field-selector <fields>', 'those with these fields, for example metadata.name=web');
    takesMoment(command);
    takesOutput(command, ['json', 'yaml', 'name', 'wide']);
    takesServer(command);
  },

  async run(call) {
    const server = serverOf(call);
    const kinds = await Kinds.of(server);
    return show(server, kinds.refs(call.args, namespaceOf(call.options)), call);
  },

  complete: completeRefs,
};

/** Declares of which moment a verb asks. */
export function takesMoment(command: Command): Command {
  return command.option('--at <moment>', 'as it was: a position (48211), a resourceVersion, or a time (2026-11-22T14:03:00Z)');
}

/** Undefined: of all. */
export function namespaceOf(options: Options): string | undefined {
  return options['allNamespaces'] === true ? undefined : (textOf(options, 'namespace') ?? 'default');
}

/** Kinds, then names of the kind that stands before; `kind/` is followed by names as well. */
export async function completeRefs(words: readonly string[], call: Omit<Call, 'args'>): Promise<readonly string[]> {
  const server = serverOf(call);
  const kinds = await Kinds.of(server);
  const word = words.at(-1) ?? '';
  const slash = word.indexOf('/');
  if (words.length <= 1 && slash < 0) return kinds.all.map(({ plural }) => plural);
  const kind = kinds.find(slash < 0 ? (words[0] as string) : word.slice(0, slash));
  const namespace = namespaceOf(call.options);
  const table = await tableAt(server, { kind, ...(kind.namespaced && namespace !== undefined && { namespace }) }, {});
  const names = table.rows.map(({ object: { metadata } }) => metadata.name);
  return slash < 0 ? names : names.map((name) => `${word.slice(0, slash)}/${name}`);
}

type Meta = Readonly<{ name: string; namespace?: string }>;
type Table = Readonly<{
  metadata: Readonly<{ resourceVersion: string }>;
  columnDefinitions: readonly Readonly<{ name: string; priority: number }>[];
  rows: readonly Readonly<{ cells: readonly unknown[]; object: Readonly<{ metadata: Meta }> }>[];
}>;
type Document = Readonly<Record<string, unknown>>;

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

export async function show(
  server: Server,
  refs: readonly Ref[],
  { options, terminal }: Pick<Call, 'options' | 'terminal'>,
): Promise<number> {
  const query = queryOf(options);
  if (refs.some(({ name }) => name !== undefined) && (query.labelSelector ?? query.fieldSelector) !== undefined)
    throw new CommandError('a selector chooses among all of a kind: leave the names out');
  const format = formatOf(options);
  if (format === 'json' || format === 'yaml') {
    const found = await Promise.all(refs.map((ref) => server.json<Document>(pathOf(ref), { query })));
    await writeDocument(found.length === 1 ? found[0] : joined(found), format, terminal);
    return DONE;
  }
  const tables = await Promise.all(
    groupsOf(refs).map(async (group) => ({
      kind: (group[0] as Ref).kind,
      table: merged(await Promise.all(group.map((ref) => tableAt(server, ref, query)))),
    })),
  );
  if (format === 'name') {
    for (const { kind, table } of tables) for (const { object } of table.rows) terminal.say(`${typeNameOf(kind)}/${object.metadata.name}`);
    return DONE;
  }
  const shown = tables.filter(({ table }) => table.rows.length > 0);
  if (shown.length === 0) terminal.complain(nothing(refs, options));
  for (const [at, { kind, table }] of shown.entries()) {
    if (at > 0) terminal.say('');
    const named = tables.length > 1 ? `${typeNameOf(kind)}/` : '';
    for (const line of linesOf(
      table,
      { isWide: format === 'wide', withNamespace: options['allNamespaces'] === true && kind.namespaced, named },
      terminal,
    ))
      terminal.say(line);
  }
  return DONE;
}

function queryOf(options: Options) {
  return { labelSelector: textOf(options, 'selector'), fieldSelector: textOf(options, 'fieldSelector'), at: textOf(options, 'at') };
}

function tableAt(server: Server, ref: Ref, query: Readonly<Record<string, string | undefined>>): Promise<Table> {
  return server.json<Table>(pathOf(ref), { accept: TABLE, query });
}

/** Objects of one kind that stand one after the other become one table. */
function groupsOf(refs: readonly Ref[]): readonly (readonly Ref[])[] {
  const groups: Ref[][] = [];
  for (const ref of refs) {
    const last = groups.at(-1);
    if (last?.[0]?.kind === ref.kind) last.push(ref);
    else groups.push([ref]);
  }
  return groups;
}

function merged(tables: readonly Table[]): Table {
  return { ...(tables[0] as Table), rows: tables.flatMap(({ rows }) => rows) };
}

/** As kubectl does it: one List of all objects. */
function joined(found: readonly Document[]): Document {
  const items = found.flatMap((each) => {
    if (!Array.isArray(each['items'])) return [each];
    const kind = String(each['kind']).replace(/List$/, '');
    return (each['items'] as readonly Document[]).map((item) => ({ apiVersion: each['apiVersion'], kind, ...item }));
  });
  return { apiVersion: 'v1', kind: 'List', metadata: {}, items };
}

type Shown = Readonly<{ isWide: boolean; withNamespace: boolean /** Put before names. */; named: string }>;

function linesOf({ columnDefinitions, rows }: Table, { isWide, withNamespace, named }: Shown, terminal: Terminal): readonly string[] {
  const shown = columnDefinitions.flatMap(({ name, priority }, at) => (priority === 0 || isWide ? [{ name: name.toUpperCase(), at }] : []));
  const headings = shown.map(({ name }) => name);
  const cells = rows.map(({ cells: all, object }) => [
    ...(withNamespace ? [object.metadata.namespace ?? ''] : []),
    ...shown.map(({ at }) => (at === 0 ? `${named}${String(all[at])}` : textOfCell(all[at]))),
  ]);
  return tableOf(withNamespace ? ['NAMESPACE', ...headings] : headings, cells, terminal);
}

function textOfCell(cell: unknown): string {
  return cell === null || cell === undefined || cell === '' ? '<none>' : String(cell);
}

function nothing(refs: readonly Ref[], options: Options): string {
  const kinds = [...new Set(refs.map(({ kind }) => kind.plural))].join(', ');
  const namespace = namespaceOf(options);
  const where = refs.some(({ kind }) => kind.namespaced) && namespace !== undefined ? ` in namespace "${namespace}" (-A: in all)` : '';
  const at = textOf(options, 'at');
  return `There ${at === undefined ? 'are' : 'were'} no ${kinds}${where}${at === undefined ? '' : ` at ${at}`}.`;
}
