/** What NATS takes as a subject, and which subjects a pattern matches. */

const SUBJECT = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/;
const PATTERN = /^(?:(?:\*|[^\s.*>]+)\.)*(?:\*|>|[^\s.*>]+)$/;
const QUEUE = /^[^\s.*>]+$/;

/** Throws a TypeError unless a message can be sent to `subject`. */
export function checkSubject(subject: string): void {
  if (!SUBJECT.test(subject)) throw new TypeError(`not a bus subject: ${JSON.stringify(subject)}`);
}

/** Throws a TypeError unless `pattern` can be subscribed to. `*` and `>` stand for whole tokens only. */
export function checkPattern(pattern: string): void {
  if (!PATTERN.test(pattern)) throw new TypeError(`not a bus subject or pattern: ${JSON.stringify(pattern)}`);
}

export function checkQueue(queue: string | undefined): void {
  if (queue !== undefined && !QUEUE.test(queue)) throw new TypeError(`not a bus queue: ${JSON.stringify(queue)}`);
}

/** `*` stands for one token, `>` for one or more at the end. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '>') return tokens.length > i;
    if (i >= tokens.length || (wanted[i] !== '*' && wanted[i] !== tokens[i])) return false;
  }
  return wanted.length === tokens.length;
}

/** Whether a pattern may match subjects that begin with these whole tokens: `weft.events`. It may say yes where none would. */
export function mayMatchBelow(pattern: string, prefix: string): boolean {
  const wanted = pattern.split('.');
  const tokens = prefix.split('.');
  for (let i = 0; i < tokens.length; i++) {
    if (wanted[i] === '>') return true;
    if (wanted[i] !== '*' && wanted[i] !== tokens[i]) return false;
  }
  return wanted.length > tokens.length;
}
