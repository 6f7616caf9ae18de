/** Which owner a command is sent to: the context of its kind or reservation, and the partition of its key (DESIGN 9.4). */
import type { Command, Owner, Registry } from '@weft/api';

/** Undefined for a kind or reservation that no domain has. */
export function ownerOf(registry: Registry, command: Command): Owner | undefined {
  if (command.verb === 'reserve') return registry.ownerOfStream(command.stream);
  if (command.verb !== 'create') return registry.ownerOfKey(command.key);
  // Without a name (generateName) the partition is known all the same: its key is the namespace or the kind.
  const { kind, namespace } = command;
  return registry.ownerOfKey(namespace === undefined ? { kind, name: '' } : { kind, namespace, name: '' });
}
