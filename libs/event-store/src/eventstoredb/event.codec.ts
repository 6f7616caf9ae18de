/** Events as EventStoreDB holds them: data and metadata are JSON, the stream's revision and the position of the record are the server's. */
import type { AllStreamResolvedEvent, ResolvedEvent } from '@eventstore/db-client';
import type { EventMetadata, JsonObject, RecordedEvent } from '@weft/api';

/** Undefined for what is the system's own (eventstoredb E-18), or was scavenged. `created` is the server's clock and left out (E-20). */
export function fromResolved({ event }: ResolvedEvent | AllStreamResolvedEvent): RecordedEvent | undefined {
  if (event === undefined || event.type.startsWith('$') || event.streamId.startsWith('$')) return undefined;
  return {
    id: event.id,
    type: event.type,
    data: event.data as JsonObject,
    metadata: event.metadata as EventMetadata,
    stream: event.streamId,
    revision: event.revision,
    position: event.position?.commit ?? 0n,
  };
}

export function toPosition(position: bigint): { commit: bigint; prepare: bigint } {
  return { commit: position, prepare: position }; // Equal for every record of today's servers (E-4).
}
