/** What the demo tells while it runs, with the time that each step took. */
const started = performance.now();
let stepStarted = started;

export function say(line: string): void {
  console.log(line);
}

export function step(title: string): void {
  const now = performance.now();
  say(`  (${Math.round(now - stepStarted)} ms)\n\n${title}`);
  stepStarted = now;
}

/** Ends the last step. */
export function verdict(wrong: number): void {
  const now = performance.now();
  say(`  (${Math.round(now - stepStarted)} ms)`);
  say(wrong === 0 ? `\nAll as it should be, in ${((now - started) / 1000).toFixed(1)} s.` : `\n${wrong} results are WRONG.`);
}
