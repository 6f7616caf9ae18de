/**
 * The driver's way to the kernel, by namespace. Behind it: iproute2 and nft, kept open where that pays (linux-dataplane 9). Measured on 2 cores:
 * one line to an open `ip` 0.05 ms, one transaction to an open `nft` 0.3 ms, a veth pair 0.7 ms, a short command in a namespace through an open
 * shell 2.8 ms (5.5 ms when Node starts it, more as the agent grows). nsenter rather than `ip netns exec`, which also makes a mount namespace.
 */
import { availableParallelism } from 'node:os';
import { NETNS_DIRECTORY } from '../objects/names.ts';
import { HelperProcess, type Tool, type ToolAnswer } from './helper-process.ts';

/** The host's own namespace, in place of a name. */
export const HOST = '';

/** A line of a batch that failed; `line` counts from 0. */
export type LineFault = Readonly<{ line: number; detail: string }>;

export interface KernelAccess {
  /** Lines of `ip -force -batch` or `bridge -force -batch`, in order; a line that fails does not stop the next. */
  ip(namespace: string, lines: readonly string[]): Promise<readonly LineFault[]>;
  bridge(namespace: string, lines: readonly string[]): Promise<readonly LineFault[]>;
  /** One line, one transaction. Undefined when it was committed, else what nft said. */
  nft(namespace: string, transaction: string): Promise<string | undefined>;
  /** A shell script (without single quotes) with `input` as its standard input. `onText` takes the output as it comes, in place of the answer. */
  shell(
    namespace: string,
    script: string,
    input?: readonly string[],
    onText?: (text: string) => void,
  ): Promise<Readonly<{ code: number; output: string }>>;
  /** Closes what is open in a namespace, so that it can go, or after a failure (a kept `ip` remembers device numbers). */
  forget(namespace: string): Promise<void>;
  close(): Promise<void>;
}

export type AccessLimits = Readonly<{
  /** Helper processes at most, shells aside. */
  helpersMax: number;
  /** A helper unused for so long is closed. */
  idleMs: number;
  /** Longest that one call may take: 1,000,000 route lines need 20 s. */
  callMsMax: number;
}>;
export const ACCESS_LIMITS: AccessLimits = { helpersMax: 24, idleMs: 15_000, callMsMax: 120_000 };

type Open = { helper: HelperProcess; namespace: string; busy: number; usedAtMs: number };

/** `hostNetns`: named namespace that stands for the host; absent: this process's own. */
export function createKernelAccess(options: Readonly<{ hostNetns?: string; limits?: AccessLimits }> = {}): KernelAccess {
  const limits = options.limits ?? ACCESS_LIMITS;
  const open = new Map<string, Open>();
  const shells: Open[] = [];
  const shellsMax = Math.max(2, Math.min(4, availableParallelism()));
  let closed = false;
  const sweeper = setInterval(() => {
    for (const [key, each] of open) if (each.busy === 0 && performance.now() - each.usedAtMs > limits.idleMs) discard(key, each);
    for (const each of shells.splice(0)) {
      if (each.busy === 0 && performance.now() - each.usedAtMs > limits.idleMs) void each.helper.close();
      else shells.push(each);
    }
  }, limits.idleMs / 3);
  sweeper.unref();

  const inside = (namespace: string): readonly string[] => {
    const name = namespace === HOST ? options.hostNetns : namespace;
    return name === undefined ? [] : ['nsenter', `--net=${NETNS_DIRECTORY}/${name}`, '--'];
  };

  function discard(key: string, each: Open): Promise<void> {
    open.delete(key);
    return each.helper.close();
  }

  function helperFor(namespace: string, tool: (prefix: readonly string[]) => Tool): Open {
    if (closed) throw new Error('the kernel access is closed');
    const made = tool(inside(namespace));
    const key = `${namespace}|${made.name}`;
    const found = open.get(key);
    if (found?.helper.alive) return found;
    if (open.size >= limits.helpersMax) {
      const [oldest] = [...open].filter(([, each]) => each.busy === 0).sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
      if (oldest !== undefined) void discard(...oldest);
    }
    const each = { helper: new HelperProcess(made), namespace, busy: 0, usedAtMs: performance.now() };
    open.set(key, each);
    return each;
  }

  async function use(each: Open, lines: readonly string[], onText?: (text: string) => void): Promise<ToolAnswer> {
    each.busy++;
    try {
      return await each.helper.run(lines, limits.callMsMax, onText);
    } finally {
      each.busy--;
      each.usedAtMs = performance.now();
    }
  }

  async function batch(namespace: string, tool: typeof ipTool, lines: readonly string[]): Promise<readonly LineFault[]> {
    if (lines.length === 0) return [];
    const answer = await use(helperFor(namespace, tool), lines);
    return batchFaults(answer, lines.length);
  }

  return {
    ip: (namespace, lines) => batch(namespace, ipTool, lines),
    bridge: (namespace, lines) => batch(namespace, bridgeTool, lines),
    async nft(namespace, transaction) {
      const answer = await use(helperFor(namespace, nftTool), [transaction]);
      return nftError(answer);
    },
    async shell(namespace, script, input = [], onText) {
      if (closed) throw new Error('the kernel access is closed');
      if (script.includes("'")) throw new Error('a script must not hold a single quote');
      shells.splice(0, shells.length, ...shells.filter((each) => each.helper.alive));
      let shell = shells.reduce<Open | undefined>((best, each) => (best === undefined || each.busy < best.busy ? each : best), undefined);
      if (shell === undefined || (shell.busy > 0 && shells.length < shellsMax)) {
        shell = { helper: new HelperProcess(SHELL), namespace: HOST, busy: 0, usedAtMs: performance.now() };
        shells.push(shell);
      }
      const command = [...inside(namespace), 'sh', '-c', `'${script}'`].join(' ');
      const answer = await use(shell, [`${command} 2>&1 <<'WEFT_END'`, ...input, 'WEFT_END'], onText && ((text) => onText(text)));
      return shellAnswer(answer);
    },
    async forget(namespace) {
      const mine = [...open].filter(([, each]) => each.namespace === namespace);
      await Promise.all(mine.map(([key, each]) => discard(key, each)));
    },
    async close() {
      closed = true;
      clearInterval(sweeper);
      await Promise.all([...[...open.values()].map((each) => each.helper.close()), ...shells.map((each) => each.helper.close())]);
      open.clear();
      shells.length = 0;
    },
  };
}

function ipTool(prefix: readonly string[]): Tool {
  return batchTool('ip', prefix, ['ip', '-force', '-batch', '-']);
}

function bridgeTool(prefix: readonly string[]): Tool {
  return batchTool('bridge', prefix, ['bridge', '-force', '-batch', '-']);
}

function batchTool(name: string, prefix: readonly string[], command: readonly string[]): Tool {
  return { name, command: [...prefix, ...command], mark: ({ line }) => ({ text: 'weftmark', end: `Command failed -:${line}\n` }) };
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

/** Output of a batch: messages, then `Command failed -:<line>`, for each line that failed; the marker is the last. */
function batchFaults(answer: ToolAnswer, count: number): readonly LineFault[] {
  const faults: LineFault[] = [];
  let message: string[] = [];
  for (const text of answer.output.split('\n')) {
    const line = /^Command failed -:(\d+)$/.exec(text)?.[1];
    if (line === undefined) {
      if (text !== '') message.push(text);
      continue;
    }
    const index = Number(line) - answer.firstLine;
    if (index >= 0 && index < count) faults.push({ line: index, detail: message.join(' ') || 'refused without a word' });
    message = [];
  }
  if (answer.ended) {
    // A tool that gives up in the middle does not say at which line.
    const detail = message.join(' ') || 'the tool ended';
    const named = new Set(faults.map((fault) => fault.line));
    for (let line = 0; line < count; line++) if (!named.has(line)) faults.push({ line, detail });
  }
  return faults;
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
