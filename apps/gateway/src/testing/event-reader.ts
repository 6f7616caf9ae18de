/** Server-sent events as a subscriber reads them. */
import type { CloudEvent } from '@weft/api';
import { until } from '@weft/testing/waiting';

export type Frame = Readonly<{ id: string; event?: string; data: string }>;

export interface EventReader {
  readonly frames: readonly Frame[];
  /** The domain events among them. */
  readonly events: readonly CloudEvent[];
  readonly lastId: string | undefined;
  /** Set once the server ended the stream: true for a clean end. */
  readonly ended: boolean | undefined;
  until(what: string, holds: (reader: EventReader) => boolean): Promise<void>;
  /** Waits for the next `caught-up`. */
  caughtUp(): Promise<void>;
  close(): void;
}

/** Resolves once the headers are there; rejects with the answer where it is another one. */
export async function openEvents(url: string, question = '', headers: Record<string, string> = {}): Promise<EventReader> {
  const abort = new AbortController();
  const response = await fetch(`${url}/weft/v1/events${question === '' ? '' : `?${question}`}`, { headers, signal: abort.signal });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  const frames: Frame[] = [];
  const events: CloudEvent[] = [];
  let ended: boolean | undefined;
  void (async () => {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
        rest = blocks.pop() as string;
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]));
          if (fields['data'] === undefined) continue;
          frames.push(fields as unknown as Frame);
          if (fields['event'] === undefined) events.push(JSON.parse(fields['data']));
        }
      }
      ended = rest === '';
    } catch {
      ended = false;
    }
  })();
  const reader: EventReader = {
    frames,
    events,
    get lastId() {
      return frames.at(-1)?.id;
    },
    get ended() {
      return ended;
    },
    until: async (what, holds) => {
      await until(
        () => `${what}; got ${JSON.stringify(frames).slice(-1_000)}`,
        () => holds(reader),
      );
    },
    caughtUp: () => reader.until('caught up', () => frames.some(({ event }) => event === 'caught-up')),
    close: () => abort.abort(),
  };
  return reader;
}
