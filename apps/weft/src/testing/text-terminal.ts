import { styleText } from 'node:util';
import type { Terminal } from '../cli/terminal.ts';

export type TextTerminal = Terminal & Readonly<{ said: () => string; complained: () => string; end: () => void }>;

/** Keeps what is written. `isForPeople`: with colours. */
export function textTerminal(env: Terminal['env'] = {}, isForPeople = false): TextTerminal {
  let [said, complained] = ['', ''];
  const ending = new AbortController();
  return {
    env,
    isForPeople,
    showsProgress: false,
    write: async (text) => {
      said += text;
    },
    say: (line) => {
      said += `${line}\n`;
    },
    complain: (line) => {
      complained += `${line}\n`;
    },
    style: (style, text) => (isForPeople ? styleText(style, text) : text),
    ended: ending.signal,
    said: () => said.trimEnd(),
    complained: () => complained.trimEnd(),
    end: () => ending.abort(),
  };
}
