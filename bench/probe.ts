/**
 * A process of its own that looks at a gateway from outside until its standard input ends, then prints what it saw (ProbeAnswer). A request that asks for
 * nothing is answered as soon as the event loop comes to it, so its time is the loop's delay as a caller meets it.
 */
export type ProbeJob = Readonly<{ http: string; read: string }>;
export type ProbeAnswer = Readonly<{ aloneMs: readonly number[]; readMs: readonly number[]; refused: number; refusal?: string }>;

const EVERY_MS = 10;
const READ_EVERY = 10;
const job = JSON.parse(process.argv[2] ?? '{}') as ProbeJob;
const aloneMs: number[] = [];
const readMs: number[] = [];
let refused = 0;
let refusal: string | undefined;
let over = false;
process.stdin.on('end', () => (over = true)).resume();

async function look(path: string, into: number[]): Promise<void> {
  const sent = performance.now();
  try {
    const response = await fetch(`${job.http}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 200)}`);
  } catch (error) {
    refused++;
    refusal ??= String(error);
  }
  into.push(performance.now() - sent);
}

for (let round = 0; !over; round++) {
  const sent = performance.now();
  await look('/livez', aloneMs);
  if (round % READ_EVERY === 0) await look(job.read, readMs);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, EVERY_MS - (performance.now() - sent))));
}
process.stdout.write(JSON.stringify({ aloneMs, readMs, refused, ...(refusal !== undefined && { refusal }) } satisfies ProbeAnswer));
