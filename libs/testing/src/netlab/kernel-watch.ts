/** Records everything that changes in the kernel, by namespace (`ip monitor`, `nft monitor`), for tests which expect that nothing is written. */
import { until } from '../waiting.ts';
import { Inside } from './inside.ts';
import { linksSettled, must } from './run.ts';

/** A next hop that nobody uses: a route would be a stray one to an agent that reads the kernel just then, and be mended. */
const MARK = 'id 169254777 ';

/** Lines to ignore: the marks of this class, and neighbours that the kernel learns and forgets by itself (only permanent ones are written by a program). */
const NOISE = /weftmark|id 169254777 |# new generation|^\[NEIGH\].* (?:INCOMPLETE|REACHABLE|STALE|DELAY|PROBE|FAILED) *$/;

type Watcher = Readonly<{ netns: string; what: 'ip' | 'nft'; watcher: Inside }>;

export class KernelWatch {
  readonly #watchers: readonly Watcher[];

  private constructor(watchers: readonly Watcher[]) {
    this.#watchers = watchers;
  }

  /** Resolves when every watcher has shown that it sees changes. */
  static async start(namespaces: readonly string[]): Promise<KernelWatch> {
    const watch = new KernelWatch(
      namespaces.flatMap((netns) => [
        { netns, what: 'ip' as const, watcher: new Inside(netns, ['ip', 'monitor', 'all']) },
        { netns, what: 'nft' as const, watcher: new Inside(netns, ['nft', 'monitor']) },
      ]),
    );
    await Promise.all(namespaces.map(linksSettled));
    await watch.#settled();
    for (const { watcher } of watch.#watchers) watcher.take();
    return watch;
  }

  /** What changed since the start, one text each. Ends the watchers. */
  async stop(): Promise<readonly string[]> {
    await this.#settled();
    const seen = this.#watchers.flatMap(({ netns, what, watcher }) =>
      watcher
        .take()
        .filter((line) => line.trim() !== '' && !NOISE.test(line))
        .map((line) => `${netns} ${what}: ${line}`),
    );
    await Promise.all(this.#watchers.map(({ watcher }) => watcher.end()));
    return seen;
  }

  /** Makes a change that every watcher must report: by then it has reported all earlier ones. */
  async #settled(): Promise<void> {
    await Promise.all(
      this.#watchers.map(({ netns, what, watcher }) => {
        const before = watcher.lines.length;
        const marked = (): boolean => watcher.lines.slice(before).some((line) => line.includes(what === 'ip' ? MARK : 'weftmark'));
        const mark = async (): Promise<boolean> => {
          if (marked()) return true;
          if (what === 'ip') {
            const line = (verb: string) => `nexthop ${verb} ${MARK}${verb === 'add' ? 'blackhole' : ''}`;
            await must(netns, ['ip', '-batch', '-'], `${line('add')}\n${line('del')}\n`);
          } else await must(netns, ['nft', 'add table inet weftmark; delete table inet weftmark']);
          return marked();
        };
        return until(() => `${what} monitor in ${netns} reports nothing: ${watcher.lines.join(' | ')}`, mark, 20_000, 30);
      }),
    );
  }
}
