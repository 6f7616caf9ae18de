/** Which owner a command is sent to: the context of its kind or reservation, and the partition of its key (DESIGN 9.4). */
import type { Command, Owner, Registry } from '@weft/api';

/** Undefined for a kind or reservation that no domain has. */
export function ownerOf(registry: Registry, command: Command): Owner | undefined {
  if (command.verb === 'reserve') return registry.ownerOfStream(command.stream);
  if (command.verb !== 'create') return registry.ownerOfKey(command.key);
  // Without a name (generateName) the key is still the namespace's, or the kind's.
  const { kind, namespace } = command;
  return registry.ownerOfKey(namespace === undefined ? { kind, name: '' } : { kind, namespace, name: '' });
}
