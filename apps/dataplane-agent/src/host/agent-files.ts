/**
 * What an agent remembers besides the kernel: who it is (a restart is the same agent), and under which identity it programmed the kernel. May be
 * deleted.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostIdentity } from '@weft/fabric';
import type { Former, FormerStore } from '../agent/agent.ts';

type Memory = Readonly<{ agent: string; former?: Former }>;

export type AgentFiles = FormerStore & Readonly<{ agent: string }>;

/** `directory` undefined: nothing outlives the process. A file that cannot be read counts as missing. */
export async function openAgentFiles(directory: string | undefined, host: string, newId: () => string): Promise<AgentFiles> {
  const path = directory === undefined ? undefined : join(directory, 'agents', `${host}.json`);
  let memory: Memory = (path === undefined ? undefined : await read(path)) ?? { agent: newId() };
  const save = async (): Promise<void> => {
    if (path === undefined) return;
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, `${JSON.stringify(memory)}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  await save();
  return {
    agent: memory.agent,
    load: async () => memory.former,
    save: async (former) => {
      memory = { ...memory, former };
      await save();
    },
  };
}

async function read(path: string): Promise<Memory | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isMemory(value) ? value : undefined;
  } catch {
    return undefined; // Missing or torn: it counts as a new agent.
  }
}

function isMemory(value: unknown): value is Memory {
  if (typeof value !== 'object' || value === null) return false;
  const { agent, former } = value as { agent?: unknown; former?: unknown };
  if (typeof agent !== 'string') return false;
  if (former === undefined) return true;
  const { identity, earlier = [] } = former as { identity?: unknown; earlier?: unknown };
  return isIdentity(identity) && Array.isArray(earlier) && earlier.every(isIdentity);
}

function isIdentity(value: unknown): value is HostIdentity {
  const { host, index, underlay } = (value ?? {}) as { host?: unknown; index?: unknown; underlay?: unknown };
  return typeof host === 'string' && typeof index === 'number' && typeof underlay === 'string';
}
