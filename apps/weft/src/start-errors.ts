/** Turns faults at the start into messages that say what to do. */
import { withoutPassword } from '@weft/event-store';
import type { UpConfig } from './configuration.ts';

/** The error itself where its message is fit for people already. */
export function readableStartError(error: unknown, { gateway, platform }: UpConfig): Error {
  const { code, message = String(error) } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return new Error(
        `${gateway.address}:${gateway.port} is in use by another program: stop it, or choose another with WEFT_HTTP=${gateway.address}:${gateway.port + 1}`,
        { cause: error },
      );
    case 'EACCES':
      return new Error(`${message}: not permitted; check who owns ${platform.data}, or choose another directory with WEFT_DATA`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new Error(`${gateway.address} is no address of this machine: choose another with WEFT_HTTP`, { cause: error });
    case 'ENOSPC':
    case 'EDQUOT':
      return new Error(`the disk of ${platform.data} is full: make room, or choose another directory with WEFT_DATA`, { cause: error });
    case 'EROFS':
      return new Error(`${platform.data} is on a read-only file system: choose another directory with WEFT_DATA`, { cause: error });
    case 'Unavailable':
      if (platform.store.kind !== 'eventstoredb') return error as Error;
      return new Error(
        `the event store at ${withoutPassword(platform.store.address)} does not answer: is it running, and does WEFT_EVENT_STORE name it rightly? (${message.trim()})`,
        { cause: error },
      );
    default:
      return error instanceof Error ? error : new Error(message);
  }
}
