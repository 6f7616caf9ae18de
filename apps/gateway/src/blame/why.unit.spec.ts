/** What a verdict rests on is proven by removal, on the whole log of random histories. */
import { type Append, createFold, factsOf } from '@weft/api';
import { TableRows } from '@weft/fabric';
import { type World, WorldFabric } from '@weft/testing';
import { historyOf, questionsOf } from '../testing/packet-histories.ts';
import { pastOfWorld } from '../testing/past-of-world.ts';
import { twoHosts } from '../testing/two-hosts.ts';
import { type Answer, answerOf } from '../trace/answer.ts';
import type { TraceRequest } from '../trace/trace-request.ts';
import { why } from './why.ts';
import { withoutCommands } from './without-commands.ts';

/** `HISTORIES=1000` for more, from `SEED` on. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 1);
/** In this one there is something to find. */
const FIRST = Number(process.env['SEED'] ?? 7);
/** Of each verdict; of each of many histories fewer. */
const QUESTIONS = HISTORIES > 20 ? 1 : 2;

/** By rows of everything that is left of the log. */
function arrives({ registry, appends }: Pick<World, 'registry' | 'appends'>, question: TraceRequest, without: readonly string[]): boolean {
  const fold = createFold(registry);
  const left: readonly Append[] = withoutCommands(registry, appends, new Set(without));
  for (const append of left) fold.apply(append);
  const rows = new TableRows(new WorldFabric({ registry, fold }).tables);
  return answerOf(question, rows, factsOf(fold)).verdict === 'delivered';
}

/** Those that arrive, and those that policies refuse. */
function chosen({ registry, fold }: Pick<World, 'registry' | 'fold'>, seed: number): readonly TraceRequest[] {
  const rows = new TableRows(new WorldFabric({ registry, fold }).tables);
  const asked = questionsOf(seed, 200).map((question) => ({ question, answer: answerOf(question, rows, factsOf(fold)) }));
  const some = (is: (answer: Answer) => boolean) => asked.filter(({ answer }) => is(answer)).slice(0, QUESTIONS);
  return [...some(({ verdict }) => verdict === 'delivered'), ...some(({ reason = '' }) => reason.startsWith('Policy'))].map(
    ({ question }) => question,
  );
}

describe('The commands behind a verdict', () => {
  let found = 0;
  it.each(Array.from({ length: HISTORIES }, (_, i) => i + FIRST))(
    'are such that without them it is another, and with any one put back it is the same (history %i)',
    async (seed) => {
      const world = historyOf(seed);
      const past = pastOfWorld(world);
      for (const question of chosen(world, seed)) {
        const { commands, without } = await why(past(), question);
        if (commands.length === 0) continue;
        found++;
        const ids = commands.map(({ requestId }) => requestId);
        const is = arrives(world, question, []);
        expect([question, commands, arrives(world, question, ids), without?.verdict === 'delivered']).toEqual([
          question,
          commands,
          !is,
          !is,
        ]);
        for (const id of ids) {
          const others = ids.filter((each) => each !== id);
          expect([question, commands, id, arrives(world, question, others)]).toEqual([question, commands, id, is]);
        }
      }
    },
  );

  it('are found for many', () => expect(found).toBeGreaterThanOrEqual(HISTORIES / 2));
});

describe('The commands behind a verdict of a small fabric', () => {
  const request = { from: 'nic/ns/web', to: 'nic/ns/db:5432' };

  const reasons = async (world: World) => {
    const { commands, without } = await why(pastOfWorld(world)(), request);
    return { without: without?.verdict, commands: commands.map(({ command, resource }) => `${command} ${resource.kind} ${resource.name}`) };
  };

  it('are the change of a label that has a policy select the receiver', async () => {
    const { world, policy, label } = twoHosts();
    policy('closed', { zone: 'closed' }, []);
    label('web', { other: 'label' });
    label('db', { zone: 'closed' });
    label('db', { colour: 'blue' });
    expect(await reasons(world)).toEqual({ without: 'delivered', commands: ['patch NetworkInterface db'] });
  });

  it('are both policies, where each of them refuses', async () => {
    const { world, policy, label } = twoHosts();
    label('db', { zone: 'closed' });
    policy('one', { zone: 'closed' }, []);
    policy('two', { app: 'db' }, [22]);
    label('web', { tier: 'front' });
    world.delete({ kind: 'NetworkPolicy', namespace: 'ns', name: 'one' });
    policy('one', { app: 'db' }, []);
    expect(await reasons(world)).toEqual({ without: 'delivered', commands: ['create NetworkPolicy one', 'create NetworkPolicy two'] });
  });

  it('are the end of a policy that admitted the packet', async () => {
    const { world, policy } = twoHosts();
    policy('open', { app: 'db' }, [5432]);
    policy('closed', { app: 'db' }, []);
    world.delete({ kind: 'NetworkPolicy', namespace: 'ns', name: 'open' });
    expect(await reasons(world)).toEqual({ without: 'delivered', commands: ['delete NetworkPolicy open'] });
  });

  it('are the Machine that brought the receiver to a host, and what control loops did for it', async () => {
    const { world } = twoHosts();
    expect(await reasons(world)).toEqual({ without: 'dropped', commands: ['create Machine db'] });
  });

  it('are none where nothing was ever there to refuse it', async () => {
    const { world } = twoHosts();
    for (const name of ['web', 'db']) world.delete({ kind: 'Machine', namespace: 'ns', name });
    const closed = { from: 'nic/ns/web', to: '10.0.0.77' };
    expect(await why(pastOfWorld(world)(), closed)).toMatchObject({ commands: [], isComplete: true });
  });

  it('are the end of the Machine that had the receiver on a host', async () => {
    const { world } = twoHosts();
    world.delete({ kind: 'Machine', namespace: 'ns', name: 'db' });
    expect(await reasons(world)).toEqual({ without: 'delivered', commands: ['delete Machine db'] });
  });
});
