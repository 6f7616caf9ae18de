/** `weft verify`: checks what an event store holds and says what it found, for people or as JSON. It changes nothing, and Weft may run on the store. */
import 'reflect-metadata';
import { systemClock } from '@weft/api';
import { withoutPassword } from '@weft/event-store';
import {
  ConfigurationError,
  type Environment,
  type LogReport,
  platformConfig,
  type StoreReport,
  snapshotsIn,
  verifyStore,
  weftDomains,
} from '@weft/service';
import { DONE as INTACT, NOT_ASKED as NOT_CHECKED, OWING, NO as WRONG } from '../cli/exit-codes.ts';
import { type Format, takesOutput } from '../cli/output.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { Verb } from '../cli/verb.ts';
import { environmentOfTheStore, withSetting } from '../environment.ts';

const PROGRESS_EVERY_MS = 1_000;
/** Lines of each kind that are printed for people; JSON has up to a thousand. */
const LINES_MAX = 20;

type VerifyOptions = Readonly<{ json?: boolean; output?: Format; now?: boolean }>;

export const verify: Verb = {
  declare(command) {
    command
      .description('Checks everything that the event store of this machine holds, also while Weft runs on it. It changes nothing.')
      .option('--json', 'the same as -o json: the whole report')
      .option('--now', 'ask what is owed now, not at the last event: what has become due by time counts')
      .addHelpText('after', environmentOfTheStore);
    takesOutput(command, ['json']);
  },

  run: ({ options, terminal }) => verified(options as VerifyOptions, terminal),
};

async function verified({ json: asJson, output, now = false }: VerifyOptions, { env, say, complain }: Terminal): Promise<number> {
  const json = asJson === true || output === 'json';
  try {
    const { data, store: config, provider } = platformConfig(env, { logLevel: 'warn' });
    const where = config.kind === 'embedded' ? config.directory : withoutPassword(config.address);
    const startedMs = systemClock.monotonicMs();
    const report = await verifyStore({
      config,
      snapshots: snapshotsIn(data),
      domains: weftDomains,
      provider,
      ...(now && { nowMs: systemClock.now().getTime() }),
      onProgress: progress(complain),
    });
    const tookMs = Math.round(systemClock.monotonicMs() - startedMs);
    const code = codeOf(report);
    if (json) say(JSON.stringify({ store: where, result: RESULTS[code], tookMs, ...report }, (_, value: unknown) => textIfBig(value)));
    else for (const line of linesOf(where, report, tookMs)) say(line);
    return code;
  } catch (error) {
    complain(`weft verify: ${remedyOf(error, env)}`);
    return NOT_CHECKED;
  }
}

const RESULTS: Readonly<Record<number, string>> = { [INTACT]: 'intact', [WRONG]: 'wrong', [OWING]: 'owing' };

function codeOf(report: StoreReport): number {
  if ('damage' in report || report.log.found > 0 || report.log.rowProblems.length > 0) return WRONG;
  if ((report.log.snapshot?.differs.length ?? 0) > 0) return WRONG;
  return report.log.owing > 0 ? OWING : INTACT;
}

function textIfBig(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function remedyOf(error: unknown, env: Environment): string {
  const { code, message } = error as Readonly<{ code?: unknown; message: string }>;
  if (error instanceof ConfigurationError) return message;
  if (code === 'Unavailable') {
    return `the event store does not answer: is it running, and does WEFT_EVENT_STORE name it rightly? (${message.trim()})`;
  }
  return code === 'Directory' ? withSetting(message, env) : message;
}

function progress(complain: (line: string) => void): (what: 'files' | 'log', position: bigint) => void {
  let lastMs = systemClock.monotonicMs();
  return (what, position) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs;
    complain(`weft verify: ${what === 'files' ? 'files checked' : 'log folded'} up to position ${position}`);
  };
}

function linesOf(where: string, report: StoreReport, tookMs: number): readonly string[] {
  if ('damage' in report) return [`The event store ${where} is damaged: ${report.damage}`];
  const { log } = report;
  const foreign = log.foreign === 0 ? '' : `; ${log.foreign} events of others were passed over`;
  return [
    `${where}: ${log.events} events in ${log.appends} appends of ${log.streams} streams, up to position ${log.position}${foreign}`,
    `objects: ${listOf(log.objects)}`,
    `records: ${listOf(log.records)}`,
    ...findingLines(log),
    ...some(log.rowProblems, log.rowProblems.length, (problem) => `WRONG ${problem}`),
    ...snapshotLines(log),
    ...some(log.owed, log.owing, ({ loop, key, commands }) => `OWED  by loop ${loop} about ${key}: ${JSON.stringify(commands)}`),
    coverageOf(log, tookMs),
    verdictOf(log),
  ];
}

/** How long it took, and what was looked at. */
function coverageOf({ events, caused, held, rows, snapshot }: LogReport, tookMs: number): string {
  const perSecond = Math.round((events / Math.max(tookMs, 1)) * 1_000);
  const covered = [
    'order and whole appends, schemas, folds of objects, reservations and ledgers',
    `causes (${caused} events name one)`,
    `one holder of each: ${Object.entries(held)
      .map(([what, count]) => `${what} (${count})`)
      .join(', ')}`,
    `${rows} rows, made twice`,
    snapshot === undefined ? 'no snapshot' : 'the snapshot',
    'what loops owe',
  ];
  return `took ${(tookMs / 1_000).toFixed(1)} s (${perSecond} events a second); covered: ${covered.join('; ')}`;
}

function findingLines({ findings, found }: LogReport): readonly string[] {
  return some(findings, found, ({ position, stream, what }) => `WRONG at position ${position}, stream "${stream}": ${what}`);
}

function snapshotLines({ snapshot }: LogReport): readonly string[] {
  if (snapshot === undefined) return [];
  const { position, differs } = snapshot;
  if (differs.length === 0) return [`the snapshot at position ${position} is what the log says there`];
  return some(differs, differs.length, (what) => `WRONG snapshot at position ${position}: ${what}`);
}

function some<T>(all: readonly T[], count: number, line: (each: T) => string): readonly string[] {
  const shown = all.slice(0, LINES_MAX).map(line);
  return count > shown.length ? [...shown, `      and ${count - shown.length} more (--json names up to a thousand)`] : shown;
}

function listOf(counts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return texts.length === 0 ? 'none' : texts.join(', ');
}

function verdictOf({ found, rowProblems, rows, owing, snapshot }: LogReport): string {
  const wrong = found + rowProblems.length;
  if (wrong === 0 && (snapshot?.differs.length ?? 0) > 0)
    return 'WRONG: a snapshot is not what the log says. The log is intact: stop Weft, delete the directory of snapshots, start again, and report this.';
  if (wrong > 0) return `WRONG: ${wrong} findings. Keep the store as it is, and report them; a backup from before may be without them.`;
  const intact = `Intact: every event is known and folds, nothing has two holders, and ${rows} rows are the same when made anew.`;
  if (owing === 0) return `${intact} At rest: no loop owes anything.`;
  return `${intact} Not at rest: ${owing} keys owe something. A Weft that runs on the store carries it out; verify again then.`;
}
