// A module hook that puts one deliberate bug into what is loaded from then on: `register('./bugs.mjs', { data: { file, from, to } })`. `file` is relative to the
// repository; the text `from` has to be there once, as it is after types were taken away.
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
let bug;

export function initialize(data) {
  bug = data;
}

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!url.startsWith('file:') || fileURLToPath(url.split('?')[0]) !== root + bug.file) return loaded;
  const parts = String(loaded.source).split(bug.from);
  if (parts.length !== 2) throw new Error(`"${bug.from}" is in ${bug.file} ${parts.length - 1} times: say anew where the bug goes`);
  return { ...loaded, source: parts.join(bug.to) };
}
