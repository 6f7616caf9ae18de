// Loaded into the process that is measured, beside its own code: collects garbage when its parent asks, and answers what is left.
import { memoryUsage } from 'node:process';
import { writeHeapSnapshot } from 'node:v8';

// `collect`: garbage first; `look`: figures as they are; any other text is the file that a heap snapshot goes to.
process.on('message', (question) => {
  if (question === 'collect') globalThis.gc?.();
  else if (question !== 'look') writeHeapSnapshot(question);
  const { rss, heapUsed, external } = memoryUsage();
  process.send?.({ rss, heapUsed, external });
});
process.channel?.unref();
