/** Decodes a command from the bus. Only the envelope is checked here; the owner checks object and patch. */
import { type CommandEnvelope, isUuid } from '@weft/api';

const decoder = new TextDecoder('utf-8', { fatal: true });
const VERBS = new Set(['create', 'replace', 'patch', 'delete', 'act', 'reserve']);

/** The envelope, or what is wrong with it. */
export function decodeEnvelope(data: Uint8Array): CommandEnvelope | string {
  let envelope: CommandEnvelope;
  try {
    envelope = JSON.parse(decoder.decode(data)) as CommandEnvelope;
  } catch (error) {
    return `command is not JSON: ${(error as Error).message}`;
  }
  if (!isRecord(envelope) || !isRecord(envelope.command)) return 'command envelope must be an object with a command';
  const { command, requestId, actor, timeoutMs, after } = envelope;
  if (!VERBS.has(command.verb)) return `verb ${JSON.stringify(command.verb)} is unknown`;
  if (typeof requestId !== 'string' || !isUuid(requestId)) return 'requestId must be a UUID in lower case';
  if (!isRecord(actor) || typeof actor.user !== 'string') return 'actor must name a user';
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0) || timeoutMs > 60_000) return 'timeoutMs must be above 0 and at most 60000';
  if (after !== undefined && (typeof after !== 'string' || !/^\d{1,20}$/.test(after))) return 'after must be a decimal position';
  return hasTarget(envelope) ? envelope : `a ${command.verb} must say what it is about`;
}

function hasTarget({ command }: CommandEnvelope): boolean {
  switch (command.verb) {
    case 'create':
      return typeof command.kind === 'string' && isRecord(command.object) && isOptionalText(command.namespace);
    case 'reserve':
      return typeof command.stream === 'string' && isRecord(command.command) && typeof command.command.type === 'string';
    case 'act':
      return isKey(command.key) && typeof command.action === 'string' && isRecord(command.payload);
    case 'replace':
      return isKey(command.key) && isRecord(command.object);
    default:
      return isKey(command.key);
  }
}

function isKey(key: unknown): boolean {
  return isRecord(key) && typeof key['kind'] === 'string' && typeof key['name'] === 'string' && isOptionalText(key['namespace']);
}

function isOptionalText(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
