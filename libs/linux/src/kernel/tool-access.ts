/**
 * A way to the kernel through iproute2 and nft, kept open where that pays (linux-dataplane 9). Measured on 2 cores:
 * one line to an open `ip` 0.05 ms, one transaction to an open `nft` 0.3 ms, a veth pair 0.7 ms, a short command in a namespace through an open
 * shell 2.8 ms (5.5 ms when Node starts it, more as the agent grows). nsenter rather than `ip netns exec`, which also makes a mount namespace.
 */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { systemClock } from '@weft/api';
import { NETNS_DIRECTORY } from '../objects/names.ts';
import { HelperProcess, type Tool, type ToolAnswer } from './helper-process.ts';
import { ACCESS_LIMITS, type AccessOptions, HOST, type KernelAccess, type LineFault } from './kernel-access.ts';

type Open = { helper: HelperProcess; namespace: string; inode: bigint; busy: number; usedAtMs: number; pinned: number; runs: number };

/** The way of the tools alone. */
export function toolAccess(options: AccessOptions = {}): KernelAccess {
  const { limits = ACCESS_LIMITS, clock = systemClock } = options;
  // The name becomes part of shell commands.
  if (options.hostNetns !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(options.hostNetns)) {
    throw new Error(`${JSON.stringify(options.hostNetns)} is no name of a network namespace`);
  }
  const open = new Map<string, Open>();
  const shells: Open[] = [];
  const shellsMax = Math.max(2, Math.min(4, availableParallelism()));
  let closed = false;
  const isIdle = ({ busy, usedAtMs }: Open) => busy === 0 && clock.monotonicMs() - usedAtMs > limits.idleMs;
  const closeIdle = () => {
    for (const [key, each] of open) if (isIdle(each)) void discard(key, each);
    for (const each of shells.splice(0)) {
      if (isIdle(each)) void each.helper.close();
      else shells.push(each);
    }
  };
  const sweeper = clock.every(limits.idleMs / 3, closeIdle, { background: true });

  const inside = (namespace: string): readonly string[] => {
    const name = namespace === HOST ? options.hostNetns : namespace;
    return name === undefined ? [] : ['nsenter', `--net=${NETNS_DIRECTORY}/${name}`, '--'];
  };

  /** Helpers that are ending: they still carry out what they were asked before. */
  const ending = new Map<Promise<void>, string>();
  function discard(key: string, each: Open): Promise<void> {
    if (open.get(key) === each) open.delete(key);
    const ended = each.helper.close().finally(() => ending.delete(ended));
    ending.set(ended, each.namespace);
    return ended;
  }

  function helperFor(namespace: string, tool: (prefix: readonly string[]) => Tool): Open {
    if (closed) throw new Error('the kernel access is closed');
    const made = tool(inside(namespace));
    const key = `${namespace}|${made.name}`;
    const inode = inodeOf(namespace);
    const found = open.get(key);
    if (found?.helper.alive && found.inode === inode) return found;
    if (found !== undefined) void discard(key, found); // It ended, or is in a namespace that somebody replaced by another of this name.
    if (open.size >= limits.helpersMax) {
      const [oldest] = [...open].filter(([, each]) => each.busy === 0).sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
      if (oldest !== undefined) void discard(...oldest);
    }
    const each = { helper: new HelperProcess(made, clock), namespace, inode, busy: 0, usedAtMs: clock.monotonicMs(), pinned: 0, runs: 0 };
    open.set(key, each);
    return each;
  }

  async function use(each: Open, lines: readonly string[], onText?: (text: string) => void): Promise<ToolAnswer> {
    each.busy++;
    try {
      return await each.helper.run(lines, limits.callMsMax, onText);
    } finally {
      each.busy--;
      each.usedAtMs = clock.monotonicMs();
    }
  }

  async function shell(
    namespace: string,
    script: string,
    input: readonly string[] = [],
    onText?: (text: string) => void,
  ): Promise<Readonly<{ code: number; output: string }>> {
    if (closed) throw new Error('the kernel access is closed');
    if (script.includes("'")) throw new Error('a script must not hold a single quote');
    shells.splice(0, shells.length, ...shells.filter((each) => each.helper.alive));
    let chosen = shells.reduce<Open | undefined>((best, each) => (best === undefined || each.busy < best.busy ? each : best), undefined);
    if (chosen === undefined || (chosen.busy > 0 && shells.length < shellsMax)) {
      chosen = {
        helper: new HelperProcess(SHELL, clock),
        namespace: HOST,
        inode: 0n,
        busy: 0,
        usedAtMs: clock.monotonicMs(),
        pinned: 0,
        runs: 0,
      };
      shells.push(chosen);
    }
    const simple = /^exec [a-z -]+$/.test(script);
    const command = [...inside(namespace), ...(simple ? [script.slice(5)] : ['sh', '-c', `'${script}'`])].join(' ');
    return shellAnswer(await use(chosen, [`${command} 2>&1 <<'WEFT_END'`, ...input, 'WEFT_END'], onText));
  }

  const batch = (namespace: string, tool: typeof ipTool, lines: readonly string[]) =>
    runBatch(lines, (each) => use(helperFor(namespace, tool), each));

  const ipOnce = (namespace: string, prelude: string, lines: readonly string[]): Promise<readonly LineFault[]> =>
    runBatch(lines, async (each) => {
      const { output } = await shell(namespace, `${prelude}exec ip -force -batch -`, [...each, BATCH_MARK]);
      return { output, ended: !output.endsWith(`Command failed -:${each.length + 1}\n`), firstLine: 1 };
    });

  async function ip(namespace: string, lines: readonly string[]): Promise<readonly LineFault[]> {
    const pinning = lines.filter((line) => PINS.test(line)).length;
    if (pinning === 0) return batch(namespace, ipTool, lines);
    if (namespace !== HOST && pinning <= PINNED_MAX) {
      const faults = await batch(namespace, ipTool, lines);
      const key = `${namespace}|ip`;
      const used = open.get(key);
      if (used !== undefined && (used.pinned += pinning) > PINNED_MAX) void discard(key, used);
      return faults;
    }
    const faults: LineFault[] = [];
    for (let start = 0; start < lines.length; start += PINNING_LINES_MAX) {
      const part = await ipOnce(namespace, '', lines.slice(start, start + PINNING_LINES_MAX));
      faults.push(...part.map(({ line, detail }) => ({ line: line + start, detail })));
    }
    return faults;
  }

  return {
    ip,
    bridge: (namespace, lines) => batch(namespace, bridgeTool, lines),
    async nft(namespace, transaction) {
      const helper = helperFor(namespace, nftTool);
      const answer = await use(helper, [transaction]);
      if (++helper.runs >= NFT_RUNS_MAX) void discard(`${namespace}|nft`, helper);
      return nftError(answer);
    },
    ipOnce: (namespace, sysctls, lines) =>
      ipOnce(namespace, sysctls.map(([file, value]) => `echo ${value} > /proc/sys/${file}; `).join(''), lines),
    shell,
    async forget(namespace) {
      const mine = [...open].filter(([, each]) => each.namespace === namespace);
      for (const [key, each] of mine) void discard(key, each);
      await Promise.all([...ending].flatMap(([ended, of]) => (of === namespace ? [ended] : [])));
    },
    async close() {
      closed = true;
      sweeper.cancel();
      for (const [key, each] of open) void discard(key, each);
      await Promise.all([...ending.keys(), ...shells.map((each) => each.helper.close())]);
      shells.length = 0;
    },
  };
}

/** Distinguishes a namespace from a later one of the same name; 0 for the host, which is entered but never looked up again. */
function inodeOf(namespace: string): bigint {
  return namespace === HOST ? 0n : (statSync(`${NETNS_DIRECTORY}/${namespace}`, { bigint: true, throwIfNoEntry: false })?.ino ?? 0n);
}

function ipTool(prefix: readonly string[]): Tool {
  return batchTool('ip', prefix, ['ip', '-force', '-batch', '-']);
}

function bridgeTool(prefix: readonly string[]): Tool {
  return batchTool('bridge', prefix, ['bridge', '-force', '-batch', '-']);
}

function batchTool(name: string, prefix: readonly string[], command: readonly string[]): Tool {
  return { name, command: [...prefix, ...command], mark: ({ line }) => ({ text: BATCH_MARK, end: `Command failed -:${line}\n` }) };
}

function nftTool(prefix: readonly string[]): Tool {
  return {
    name: 'nft',
    command: [...prefix, 'nft', '-i'],
    mark: ({ sequence }) => ({ text: `weftmark${sequence}x`, end: `\nweftmark${sequence}x\n` }),
  };
}

const SHELL: Tool = {
  name: 'sh',
  command: ['sh'],
  mark: ({ sequence }) => ({ text: `c=$?; echo; echo "$c weft-done-${sequence}."`, end: ` weft-done-${sequence}.\n` }),
};

/**
 * `ip` keeps a file open for each namespace that a line names, until it ends: the namespace could not go, and its tunnel would keep the VNI. So
 * routers are made by a process of its own; guests, which hold nothing of ours once their port is gone, may stay open for a while.
 */
const PINS = / netns /;
const PINNED_MAX = 64;
/** nft keeps what it has parsed: it grows by 1 kB a transaction. */
const NFT_RUNS_MAX = 2_000;
/** Such lines in one process at most: each keeps a file open. */
const PINNING_LINES_MAX = 600;

/** No command of `ip` or `bridge`: its refusal shows that all before it was carried out. */
const BATCH_MARK = 'weftmark';

/** Commands whose failure ends `ip` (6.1), with -force or without, and without naming the line. A mark before each shows which one it was. */
const ENDS_TOOL = /^(neigh|link add) /;

/**
 * Runs a batch to its end, in as many processes as it takes. Bounded: each run ends at a line that will not be tried again, or takes all lines that
 * are left for failed.
 */
async function runBatch(lines: readonly string[], send: (lines: readonly string[]) => Promise<ToolAnswer>): Promise<readonly LineFault[]> {
  const faults: LineFault[] = [];
  let start = 0;
  while (start < lines.length) {
    const sent: string[] = [];
    /** Line of the caller behind each sent line; undefined for a mark. */
    const origins: (number | undefined)[] = [];
    for (let line = start; line < lines.length; line++) {
      if (ENDS_TOOL.test(lines[line]!)) {
        sent.push(BATCH_MARK);
        origins.push(undefined);
      }
      sent.push(lines[line]!);
      origins.push(line);
    }
    const answer = await send(sent);
    const { refusals, last } = parseBatch(answer);
    let reached = -1;
    for (const { index, detail } of refusals) {
      const line = origins[index];
      if (line !== undefined) faults.push({ line, detail });
      else if (index < sent.length) reached = index;
    }
    if (!answer.ended) return faults;
    const detail = last || 'the tool ended';
    const failing = reached < 0 ? undefined : origins[reached + 1];
    if (failing === undefined) {
      const named = new Set(faults.map((fault) => fault.line));
      for (let line = start; line < lines.length; line++) if (!named.has(line)) faults.push({ line, detail });
      return faults;
    }
    faults.push({ line: failing, detail });
    start = failing + 1;
  }
  return faults;
}

/** Output of a batch: messages, then `Command failed -:<line>`, for each line that was refused. `last`: the output after all of them. */
function parseBatch(answer: ToolAnswer): Readonly<{ refusals: readonly { index: number; detail: string }[]; last: string }> {
  const refusals: { index: number; detail: string }[] = [];
  let message: string[] = [];
  for (const text of answer.output.split('\n')) {
    const line = /^Command failed -:(\d+)$/.exec(text)?.[1];
    if (line === undefined) {
      if (text !== '') message.push(text);
      continue;
    }
    refusals.push({ index: Number(line) - answer.firstLine, detail: message.join(' ') || 'refused without a word' });
    message = [];
  }
  return { refusals, last: message.join(' ') };
}

function nftError({ output, ended }: ToolAnswer): string | undefined {
  // The caret line of the former marker may come late; the syntax error of this one is expected.
  const text = output
    .replace(/^\s*\^\s*\n/, '')
    .replace(/\n?Error: syntax error[^\n]*\nweftmark\d+x\n[\s\S]*$/, '')
    .replace(/^Error: syntax error[^\n]*$/, '');
  if (ended) return text.trim() || 'nft ended';
  return text.trim() === '' ? undefined : shortened(text.trim());
}

function shellAnswer({ output, ended }: ToolAnswer): Readonly<{ code: number; output: string }> {
  const end = /\n(\d+) weft-done-\d+\.\n$/.exec(output);
  if (ended || end === null) return { code: ended ? 255 : 0, output };
  return { code: Number(end[1]), output: output.slice(0, end.index) };
}

function shortened(text: string): string {
  return text.length <= 600 ? text : `${text.slice(0, 600)} …`;
}
