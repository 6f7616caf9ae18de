import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { type Facts, factsOf, inParallel, type JsonObject, type NameIn, type RecordedEvent } from '@weft/api';
import { BusError, DecodeError, decodeJsonObject, encodeJson, subjects } from '@weft/bus';
import type { EventStore } from '@weft/event-store';
import { ENTRY_KINDS, ENTRY_STATES, type RowResource, vniOfKey } from '@weft/fabric';
import { Host, Network, NetworkInterface } from '@weft/network';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { badRequest, notFound, unavailable } from '../http/failures.ts';
import { Query } from '../http/query.ts';
import { eventAt } from '../past/event-at.ts';
import { type ToldEvent, toldEvent } from '../trace/trace.ts';

/** As the agent of a host answers (`ShownEntry` there); a newer one may say more. */
type AgentEntry = Readonly<{ key: string; state: string; value: string; position: string; owner?: string; why?: string }>;
/** `resource`: what the entry serves, or else what the event is of. `event`: since which it is as it is; absent where nothing says. */
export type ToldEntry = AgentEntry & Readonly<{ network?: string; resource?: RowResource; event?: ToldEvent }>;
export type HostEntries = Readonly<{ host: string; total: number; entries: readonly ToldEntry[] }>;

const ANSWER_MS_MAX = 5_000;
const LIMIT = 100;
const PARAMETERS = ['network', 'kind', 'state', 'limit', 'skip'];
const READS = 8;

/**
 * What the kernel of a host holds, entry by entry, with the resource and the event behind each: its agent answers, so it is what is there.
 *
 *   GET /weft/v1/hosts/host-1/entries                                        total, and the first 100
 *   GET /weft/v1/hosts/host-1/entries?network=default/web&kind=route&limit=500&skip=500
 *   GET /weft/v1/hosts/host-1/entries?state=refused                          or pending, unwanted, programmed
 */
@Controller('weft/v1/hosts')
export class HostsController {
  readonly #context: GatewayContext;

  constructor(@Inject(GATEWAY) context: GatewayContext) {
    this.#context = context;
  }

  @Get(':host/entries')
  async entries(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('host') host: string): Promise<void> {
    await this.#context.readPoint.latest();
    const { follower, store } = this.#context.platform;
    const facts = factsOf(follower);
    if (facts.get(Host, { name: host }) === undefined) throw notFound({ group: 'fabric.weft.dev', kind: 'Host', plural: 'hosts' }, host);
    const { total, entries } = await this.#asked(host, questionIn(Query.knowing(PARAMETERS, request.query), facts));
    const events = await eventsOf(store, entries);
    const told = entries.map((entry) => toldEntry(entry, events.get(entry.position), facts));
    void reply.header('content-type', 'application/json').send(JSON.stringify({ host, total, entries: told } satisfies HostEntries));
  }

  async #asked(host: string, question: JsonObject): Promise<Readonly<{ total: number; entries: readonly AgentEntry[] }>> {
    const { bus } = this.#context.platform;
    let answer: Readonly<Record<string, unknown>>;
    try {
      answer = decodeJsonObject(
        await bus.request(subjects.agent(host, 'entries'), encodeJson(question), { timeoutMs: ANSWER_MS_MAX }),
        `entries of ${host}`,
      );
    } catch (error) {
      if (!(error instanceof BusError || error instanceof DecodeError)) throw error;
      throw unavailable(
        `the agent of host ${host} does not answer: ${error.message}. Its condition Ready says more: weft get host ${host} -o yaml`,
      );
    }
    const { total, entries, error } = answer;
    if (typeof total !== 'number' || !Array.isArray(entries)) throw unavailable(`the agent of host ${host} cannot say: ${String(error)}`);
    return { total, entries: entries as unknown as readonly AgentEntry[] };
  }
}

function questionIn(query: Query, facts: Facts): JsonObject {
  const [network, kind, state] = ['network', 'kind', 'state'].map((name) => query.text(name));
  if (kind !== undefined && !ENTRY_KINDS.includes(kind)) throw badRequest(`kind="${kind}" is none of ${ENTRY_KINDS.join(', ')}`);
  if (state !== undefined && !ENTRY_STATES.some((each) => each === state))
    throw badRequest(`state="${state}" is none of ${ENTRY_STATES.join(', ')}`);
  const vni = network === undefined ? undefined : vniOf(network, facts);
  return {
    skip: query.number('skip') ?? 0,
    limit: query.number('limit') ?? LIMIT,
    ...(vni !== undefined && { vni }),
    ...(kind !== undefined && { kind }),
    ...(state !== undefined && { state }),
  };
}

function vniOf(network: string, facts: Facts): number {
  const [namespace, name, ...more] = network.includes('/') ? network.split('/') : ['default', network];
  if (namespace === undefined || name === undefined || more.length > 0) throw badRequest(`network="${network}" is no <namespace>/<name>`);
  const vni = facts.get(Network, { namespace, name })?.facts.vni;
  if (vni === undefined) throw badRequest(`network="${network}": there is none of this name that has a number`);
  return vni;
}

/** Many entries are of few events. */
async function eventsOf(store: Pick<EventStore, 'readAll'>, entries: readonly AgentEntry[]): Promise<ReadonlyMap<string, RecordedEvent>> {
  const found = new Map<string, RecordedEvent>();
  const positions = [...new Set(entries.map(({ position }) => position))].filter((position) => /^[1-9]\d{0,19}$/.test(position));
  await inParallel(positions, READS, async (position) => {
    const event = await eventAt(store, BigInt(position));
    if (event?.position.toString() === position) found.set(position, event);
  });
  return found;
}

function toldEntry(entry: AgentEntry, event: RecordedEvent | undefined, facts: Facts): ToldEntry {
  const vni = vniOfKey(entry.key);
  const [network] = vni === undefined ? [] : facts.keys(Network, 'vni', String(vni));
  const told = event && toldEvent(event);
  const resource = resourceOf(entry.owner, told?.resource, facts) ?? told?.resource;
  return {
    ...entry,
    ...(network !== undefined && { network: `${network.namespace}/${network.name}` }),
    ...(resource !== undefined && { resource }),
    ...(told !== undefined && { event: told }),
  };
}

/** `<kind>/<uid>`, `<kind>/<namespace>/<name>`, or a Network by its number. `changed`: what the event behind the entry is of. */
function resourceOf(owner: string | undefined, changed: RowResource | undefined, facts: Facts): RowResource | undefined {
  const [kind, first, name] = owner?.split('/') ?? [];
  if (kind === undefined || first === undefined) return undefined;
  if (name !== undefined) return { kind, namespace: first, name };
  if (kind === 'Network') return { kind, ...nameWithin(facts.keys(Network, 'vni', first)) };
  if (kind === 'NetworkInterface') return { kind, ...nameWithin(facts.keys(NetworkInterface, 'uid', first)), uid: first };
  return changed?.kind === kind ? { ...changed, uid: first } : { kind, uid: first };
}

function nameWithin(names: Iterable<NameIn>): Partial<NameIn> {
  for (const name of names) return name;
  return {};
}
