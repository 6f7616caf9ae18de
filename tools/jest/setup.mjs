/**
 * What the light runner lacks: a fixed seed, time limits, and errors that escape a test. A test that hangs would hang the run, and an error thrown in a
 * timer or a rejection that nobody awaits would end it without a report; here each fails the test that runs at that moment.
 */
import { inspect } from 'node:util';
import fc from 'fast-check';
import * as circus from 'jest-circus';

/**
 * The seed of properties that name none. It is the same in each run, so that a run says something about the change and not about its luck; other
 * seeds are tried on purpose (CONTRIBUTING.md).
 */
fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 1) });

/** `FORGET='settle-interfaces: Host . born-at'` runs tests without that read of that loop (docs/mutants.md): one of them should fail. */
if (process.env.FORGET !== undefined) {
  const { mutantFrom, takeAway } = await import('../../libs/testing/src/mutants/mutant.ts');
  takeAway(mutantFrom(process.env.FORGET));
}

/**
 * Milliseconds a test or hook may take unless it names its own limit as last argument: `it(title, fn, ms)`. Only what hangs should meet it, also on
 * a machine that is ten times slower; what is waited for (`until`) gives up sooner, and says what it was.
 */
const limitMsDefault = Number(process.env.JEST_TIMEOUT_MS ?? 120_000);

/** Fails what runs now. Between tests there is nothing to fail, so the error waits for the next one. */
let failCurrent;
let leftOver;

for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (reason) => {
    const error = asError(reason);
    error.stack = `escaped from a test (${event}): ${error.stack}`;
    if (failCurrent === undefined) leftOver ??= error;
    else failCurrent(error);
  });
}

circus.addEventHandler((event, state) => {
  if (event.name !== 'add_test' && event.name !== 'add_hook') return;
  const block = state.currentDescribeBlock;
  const entry = event.name === 'add_test' ? block.children.at(-1) : block.hooks.at(-1);
  if (entry?.mode === 'todo') entry.mode = 'skip';
  if (typeof entry?.fn !== 'function') return;
  entry.fn = guarded(entry.fn, entry.name ?? entry.type, entry.timeout ?? limitMsDefault);
});

function guarded(fn, what, limitMs) {
  return async () => {
    let timer;
    const failed = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: not done after ${limitMs} ms`)), limitMs);
      failCurrent = reject;
      if (leftOver !== undefined) reject(leftOver);
      leftOver = undefined;
    });
    try {
      await Promise.race([
        failed,
        fn.length === 0 ? fn() : new Promise((resolve, reject) => fn((error) => (error ? reject(error) : resolve()))),
      ]);
    } catch (error) {
      throw asError(error);
    } finally {
      clearTimeout(timer);
      failCurrent = undefined;
    }
  };
}

/** The runner prints `stack` and stumbles over what has none. A property that failed has what failed in it as its `cause`. */
function asError(thrown) {
  if (thrown instanceof Error && typeof thrown.stack === 'string') {
    if (thrown.cause instanceof Error) thrown.stack += `\ncaused by: ${thrown.cause.stack}`;
    return thrown;
  }
  return new Error(`thrown: ${inspect(thrown)}`);
}
