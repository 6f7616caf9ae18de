/** `weft plan`: what manifests would change, before anything is changed. */
import { writeFileSync } from 'node:fs';
import { type Difference, differenceLines } from '../cli/differences.ts';
import { CommandError, DONE, NO, NOT_ASKED } from '../cli/exit-codes.ts';
import { manifestsIn } from '../cli/manifests.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import type { Terminal } from '../cli/terminal.ts';
import { textOf, type Verb } from '../cli/verb.ts';

type Key = Readonly<{ kind: string; namespace?: string; name: string }>;
type Resource = Key & Readonly<{ change: string; changed: readonly Difference[]; commands: readonly number[]; loops: readonly string[] }>;
type Command = Readonly<{
  resource: Key;
  outcome: string;
  message?: string;
  causes?: readonly Readonly<{ reason?: string }>[];
  warnings?: readonly string[];
}>;
type End = Readonly<{
  what: string;
  network?: string;
  name: string;
  count: number;
  names: readonly string[];
  labels?: Readonly<Record<string, string>>;
}>;
type Ports = Readonly<{ protocol: string; first?: number; last?: number }>;
type Flip = Readonly<{
  verdict: string;
  reason?: string;
  from: End;
  to: End;
  ports: readonly Ports[];
  example: Readonly<{ from: string; protocol: string; to: string }>;
}>;
export type Plan = Readonly<{
  id: string;
  verdict: 'none' | 'change' | 'refused';
  position: string;
  commands: readonly Command[];
  resources: readonly Resource[];
  tables: readonly Readonly<{ table: string; rows: readonly Readonly<{ change: string }>[] }>[];
  hosts: readonly Readonly<{ host: string; added: number; changed: number; removed: number }>[];
  reach: readonly Flip[];
  flows: readonly string[];
  warnings: readonly string[];
}>;

export const plan: Verb = {
  declare(command) {
    command
      .description(
        'Tells what manifests would change if they were applied: resources, what control loops would do about them, rows, hosts, and who would reach whom. Nothing is written. Exit code 0: nothing; 1: something; 2: refused.',
      )
      .option('-f, --filename <path...>', 'files or directories of manifests (YAML or JSON)')
      .option('--delete', 'what deleting them would change')
      .option('--promote <policy...>', 'what enforcing these staged policies would change: default/web, networkpolicy/default/web')
      .option('--force', 'takes fields over from other managers')
      .option('--out <file>', 'writes the plan for "weft apply --plan"')
      .addHelpText(
        'after',
        '\nExamples:\n  weft plan -f manifests/\n  weft plan -f policy.yaml --out policy.plan && weft apply --plan policy.plan\n  weft plan --promote default/quarantine --out promotion.plan\n  weft plan --delete -f old.yaml -o json',
      );
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { options, terminal } = call;
    const [files = [], promoted = []] = [options['filename'], options['promote']] as (readonly string[] | undefined)[];
    if (files.length + promoted.length === 0) throw new CommandError('name manifests by -f, or staged policies by --promote');
    const manifests = files.length === 0 ? [] : await manifestsIn(files);
    if (files.length > 0 && manifests.length === 0) throw new CommandError('there is no manifest in what -f names');
    const asked = options['delete'] === true ? { delete: manifests } : { manifests, force: options['force'] === true };
    const body = { ...asked, promote: promoted.map(policyNamed) };
    const made = await serverOf(call).json<Plan>('/weft/v1/plan', { body });
    const out = textOf(options, 'out');
    if (out !== undefined) writeFileSync(out, `${JSON.stringify(made, null, 2)}\n`);
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(made, format, terminal);
    else for (const line of linesOf(made, terminal)) terminal.say(line);
    return made.verdict === 'none' ? DONE : made.verdict === 'change' ? NO : NOT_ASKED;
  },
};

/** `web`, `default/web`, `networkpolicy/default/web`. */
function policyNamed(text: string): string {
  const words = text.split('/').filter((word, at, all) => at > 0 || all.length === 1 || !/^(netpol|networkpolic(y|ies))$/.test(word));
  return words.length === 1 ? `default/${words[0]}` : words.join('/');
}

const COLOURS = { created: ['green', '+'], deleted: ['red', '-'], changed: ['yellow', '~'], replaced: ['yellow', '±'] } as const;
/** What each new object has, and nobody needs to read. */
const OF_EACH = /^(apiVersion|kind|metadata\.(name|namespace|uid|generation|finalizers))$/;
const OF_ONE_MAX = 8;
const LISTED_MAX = 40;

function* linesOf(plan: Plan, terminal: Terminal): Iterable<string> {
  const { verdict, position, commands, resources, tables, hosts, warnings } = plan;
  if (verdict === 'none') yield `nothing would change (position ${position})`;
  else yield `${count(resources.length, 'resource')} would change (position ${position})`;
  for (const { resource, outcome, message = '' } of commands) {
    if (outcome === 'refused') yield terminal.style('red', `refused: ${nameOf(resource)}: ${message}`);
  }
  if (commands.some(({ causes = [] }) => causes.some(({ reason }) => reason === 'FieldManagerConflict')))
    yield '  other managers hold these fields with other values: --force takes them over; or leave them out of the manifests, or write the values that they have';
  for (const each of resources.slice(0, LISTED_MAX)) yield* resourceLines(each, commands, terminal);
  if (resources.length > LISTED_MAX) yield `and ${resources.length - LISTED_MAX} more resources (-o json names all)`;
  if (tables.length > 0) yield `rows: ${tables.map(({ table, rows }) => `${table} (${changesText(rows)})`).join(', ')}`;
  if (hosts.length > 0)
    yield `hosts: ${firstOf(hosts.map(({ host, added, changed, removed }) => `${host} (${count(added + changed + removed, 'row')})`))}`;
  for (const flip of plan.reach.slice(0, LISTED_MAX)) yield* flipLines(flip, terminal);
  if (plan.reach.length > LISTED_MAX) yield `and ${plan.reach.length - LISTED_MAX} more that would differ (-o json names all)`;
  for (const text of plan.flows) yield `ends: ${text}`;
  for (const text of [...commands.flatMap(({ warnings: own = [] }) => own), ...warnings]) yield `warning: ${text}`;
}

function* resourceLines(resource: Resource, commands: readonly Command[], terminal: Terminal): Iterable<string> {
  const { change, changed, commands: by, loops } = resource;
  const [colour, mark] = COLOURS[change as keyof typeof COLOURS] ?? COLOURS.changed;
  const others = by
    .map((index) => commands[index]?.resource)
    .filter((each): each is Key => each !== undefined && nameOf(each) !== nameOf(resource));
  const why = loops.length === 0 ? '' : ` (${loops.join(', ')}${others.length === 0 ? '' : `, because of ${firstOf(others.map(nameOf))}`})`;
  yield terminal.style(colour, `${mark} ${nameOf(resource)} ${change}${why}`);
  yield* differenceLines(
    change === 'deleted' ? [] : changed.filter(({ field }) => change !== 'created' || !OF_EACH.test(field)),
    terminal,
    OF_ONE_MAX,
  );
}

function* flipLines({ verdict, reason, from, to, ports, example }: Flip, terminal: Terminal): Iterable<string> {
  const isNew = verdict === 'delivered';
  const where = ports.length === 0 ? '' : ` on ${ports.map(portsText).join(', ')}`;
  const why = reason === undefined ? '' : ` (${isNew ? 'until now ' : ''}${reason})`;
  yield terminal.style(
    isNew ? 'green' : 'red',
    `${isNew ? '+' : '-'} ${endText(from)} ${isNew ? 'would reach' : 'would not reach'} ${endText(to)}${where}${why}`,
  );
  yield `    weft trace ${example.from} ${example.protocol} ${example.to}`;
}

function endText({ what, network, name, count: many, names, labels = {} }: End): string {
  if (what === 'balancer') return `loadbalancer/${name}`;
  if (what === 'internet') return name;
  const of = network === undefined ? '' : ` of ${network}`;
  if (many === 1) return `nic/${name}`;
  const said = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
  const which = many > names.length ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ');
  return `${many} interfaces${of}${said.length === 0 ? '' : ` with ${said.join(',')}`} (${which})`;
}

function portsText({ protocol, first, last }: Ports): string {
  return first === undefined ? protocol : first === last ? `${protocol} ${first}` : `${protocol} ${first}-${last}`;
}

function changesText(rows: readonly Readonly<{ change: string }>[]): string {
  return ['added', 'changed', 'removed']
    .map((change) => [rows.filter((row) => row.change === change).length, change] as const)
    .filter(([many]) => many > 0)
    .map(([many, change]) => `${many} ${change}`)
    .join(', ');
}

function firstOf(names: readonly string[]): string {
  return names.length > OF_ONE_MAX ? `${names.slice(0, OF_ONE_MAX).join(', ')} and ${names.length - OF_ONE_MAX} more` : names.join(', ');
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}

export function nameOf({ kind, namespace, name }: Key): string {
  return [kind, namespace, name]
    .filter((part) => part !== undefined)
    .join('/')
    .toLowerCase();
}
