/** The control plane over commands (to the Host's owner) and heartbeats on the bus. */
import type { Actor, JsonObject, ObjectKey, Reply } from '@weft/api';
import { type Bus, BusError, decodeJsonObject, encodeJson, subjects } from '@weft/bus';
import { LoadBalancerRouting } from '@weft/lb';
import type { CommandClient } from '@weft/service';
import { askedEntries } from '../kernel/shown-entries.ts';
import type { ControlPlane, Registration, Stages, TargetHealth } from './control-plane.ts';

export type HostCommandsOptions = Readonly<{
  bus: Bus;
  client: Pick<CommandClient, 'send'>;
  host: string;
  /** The same for all runs of one agent: its restart is not a second agent. */
  agent: string;
  driver: 'linux' | 'simulated';
  version: string;
  startedAt: Date;
  /** What the host can be. */
  roles: readonly string[];
  /** Host indexes whose kernel objects are on this machine and not known to be ours: a new Host gets another one. */
  foreignIndexes?: () => Promise<readonly number[]>;
  uuid: () => string;
  /** Which log the control plane works on; undefined while that is not known. */
  storeId?: () => Promise<string | undefined>;
}>;

const REGISTER_MS_MAX = 8_000;
const REPORT_MS_MAX = 8_000;

export function createHostCommands(options: HostCommandsOptions): ControlPlane {
  const { bus, client, host, agent } = options;
  const actor: Actor = { user: `system:host:${host}`, verified: false };

  const actOn = (key: ObjectKey, action: string, payload: JsonObject, timeoutMs: number): Promise<Reply> =>
    client.send({ verb: 'act', key, action, payload }, { requestId: options.uuid(), actor, timeoutMs });
  const act = (action: string, payload: JsonObject, timeoutMs: number) => actOn({ kind: 'Host', name: host }, action, payload, timeoutMs);

  const serve = (verb: string, answer: (asked: JsonObject) => Promise<object>): (() => void) => {
    const served = bus.serve(subjects.agent(host, verb), async ({ data }) => {
      try {
        return encodeJson(await answer(decodeJsonObject(data, `a question for ${verb}`) as JsonObject));
      } catch (error) {
        return encodeJson({ error: error instanceof Error ? error.message : String(error) });
      }
    });
    return () => void served.stop();
  };

  return {
    async register(underlay, { trouble, mtu }): Promise<Registration> {
      const { driver, version, startedAt, roles } = options;
      const avoid = [...((await options.foreignIndexes?.()) ?? [])];
      const payload = {
        agent,
        underlay,
        driver,
        version,
        startedAt: startedAt.toISOString(),
        roles: [...roles],
        avoid,
        starting: true,
        ...(mtu !== undefined && { mtu }),
        ...(trouble !== undefined && { trouble: { ...trouble } }),
      };
      const reply = await act('RegisterHost', payload, REGISTER_MS_MAX);
      if (!reply.ok) {
        const why = reply.status.message ?? reply.status.reason ?? `code ${reply.status.code}`;
        return reply.retry === 'no' ? { outcome: 'refused', why } : { outcome: 'unreachable', why };
      }
      const index = (reply.object?.['status'] as JsonObject | undefined)?.['index'];
      if (typeof index !== 'number') return { outcome: 'unreachable', why: 'the host has no index yet' };
      const storeId = await options.storeId?.();
      return { outcome: 'registered', identity: { host, index, underlay }, ...(storeId === undefined ? {} : { storeId }) };
    },

    async reportProgrammed(nics) {
      const reply = await act('ReportProgrammed', { nics: nics.map(({ nic, position }) => ({ uid: nic, position })) }, REPORT_MS_MAX);
      return isTaken(reply);
    },

    async reportApplied({ tables, position, pendingSince, stages, drift, faults }) {
      const payload: JsonObject = {
        tables: Object.fromEntries([...tables].map(([table, rev]) => [table, rev.toString()])),
        position: position.toString(),
        ...(pendingSince === undefined ? {} : { pendingSince: pendingSince.toISOString() }),
        ...(stages === undefined ? {} : { stages: asTexts(stages) }),
        ...(drift === undefined
          ? {}
          : { drift: { ...drift, at: drift.at.toISOString(), entries: drift.entries.map((each) => ({ ...each })) } }),
        faults: faults.map(({ key, what, detail }) => ({ key, what, detail })),
      };
      return isTaken(await act('ReportApplied', payload, REPORT_MS_MAX));
    },

    async reportHealth(targets) {
      const ofRouting = new Map<string, readonly TargetHealth[]>();
      for (const each of targets) {
        const routing = `${each.namespace}/${each.name}/${each.balancer}`;
        ofRouting.set(routing, [...(ofRouting.get(routing) ?? []), each]);
      }
      const sent = [...ofRouting.values()].map(([first, ...more]) => {
        const { namespace, name, balancer } = first as TargetHealth;
        const all = [first as TargetHealth, ...more].map(({ target, healthy }) => ({ uid: target, healthy }));
        const key = { kind: LoadBalancerRouting.kind, namespace, name };
        return actOn(key, 'ReportHealth', { balancer, targets: all }, REPORT_MS_MAX);
      });
      return (await Promise.all(sent)).every(isTaken);
    },

    reportStaged({ at, policies }) {
      try {
        const found = policies.map(({ busiest, ...count }) => ({ ...count, busiest: busiest.map((each) => ({ ...each })) }));
        bus.publish(subjects.host(host, 'observed'), encodeJson({ at: at.toISOString(), staged: found }));
      } catch (error) {
        if (!(error instanceof BusError)) throw error; // They are told again soon.
      }
    },

    heartbeat({ position, pending, pendingSince, starting, trouble, mtu }) {
      try {
        const beat = {
          host,
          agent,
          position: position.toString(),
          pending,
          ...(pendingSince && { pendingSince: pendingSince.toISOString() }),
          ...(starting && { starting }),
          ...(trouble !== undefined && { trouble: { ...trouble } }),
          ...(mtu !== undefined && { mtu }),
        };
        bus.publish(subjects.host(host, 'heartbeat'), encodeJson(beat));
      } catch (error) {
        if (!(error instanceof BusError)) throw error; // The next one is due in a second.
      }
    },

    answerEntries: (answer) => serve('entries', async (asked) => answer(askedEntries(asked))),
    answerLive: (answer) => serve('live', answer),
  };
}

function asTexts({ delivered, compiled, applied }: Stages): JsonObject {
  return { delivered: delivered.toISOString(), compiled: compiled.toISOString(), applied: applied.toISOString() };
}

/** A refusal is final too: the Host is gone, and the agent will notice. To repeat it would not help. */
function isTaken(reply: Reply): boolean {
  return reply.ok || reply.retry === 'no';
}
