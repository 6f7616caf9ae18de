/** The driver's way to the kernel, by namespace. */
import type { Clock } from '@weft/api';

/** The host's own namespace, in place of a name. */
export const HOST = '';

/** A line of a batch that failed; `line` counts from 0. */
export type LineFault = Readonly<{ line: number; detail: string }>;

/** A file below /proc/sys, and what is written into it. */
export type Sysctl = readonly [file: string, value: string];

export interface KernelAccess {
  /** Lines of `ip -force -batch` or `bridge -force -batch`, in order; a line that fails does not stop the next. */
  ip(namespace: string, lines: readonly string[]): Promise<readonly LineFault[]>;
  bridge(namespace: string, lines: readonly string[]): Promise<readonly LineFault[]>;
  /** As `ip`, after some files below /proc/sys were written, and keeps nothing open: for namespaces that are seldom visited. */
  ipOnce(namespace: string, sysctls: readonly Sysctl[], lines: readonly string[]): Promise<readonly LineFault[]>;
  /** Runs one line as one transaction. Undefined when it was committed, else nft's error. */
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

/** `hostNetns`: named namespace that stands for the host; absent: this process's own. */
export type AccessOptions = Readonly<{ hostNetns?: string; limits?: AccessLimits; clock?: Clock }>;
