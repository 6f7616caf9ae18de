// The light runner knows no time limits: a test that hangs would hang the run. So each test and hook gets one here.
import * as circus from 'jest-circus';

/** Milliseconds a test or hook may take unless it names its own limit as last argument: `it(title, fn, ms)`. */
const limitMsDefault = Number(process.env.JEST_TIMEOUT_MS ?? 30_000);

function limited(fn, what, limitMs) {
  if (fn.length > 0) return fn; // Callback style: not used here, left alone.
  return async () => {
    let timer;
    const overdue = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: not done after ${limitMs} ms`)), limitMs);
    });
    try {
      return await Promise.race([fn(), overdue]);
    } finally {
      clearTimeout(timer);
    }
  };
}

circus.addEventHandler((event, state) => {
  if (event.name !== 'add_test' && event.name !== 'add_hook') return;
  const block = state.currentDescribeBlock;
  const entry = event.name === 'add_test' ? block.children.at(-1) : block.hooks.at(-1);
  if (entry?.mode === 'todo') entry.mode = 'skip';
  if (typeof entry?.fn !== 'function') return;
  entry.fn = limited(entry.fn, entry.name ?? entry.type, entry.timeout ?? limitMsDefault);
});
