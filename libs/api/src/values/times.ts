/** Times of events, which mostly are those of the event before: each is parsed, or written, once in a row. */

let parsed = '';
let parsedMs = Number.NaN;

/** Unix time in ms of an RFC 3339 text; NaN for any other text. */
export function msOfTime(text: string): number {
  if (text !== parsed) {
    parsedMs = Date.parse(text);
    parsed = text;
  }
  return parsedMs;
}

let written = Number.NaN;
let writtenText = '';

/** RFC 3339, UTC, with milliseconds. */
export function textOfTime(time: Date): string {
  const ms = time.getTime();
  if (ms !== written) {
    writtenText = time.toISOString();
    written = ms;
  }
  return writtenText;
}
