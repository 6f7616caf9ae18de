/** Who reaches whom: real pings between guests, and what arrived where. */
import { say } from './progress.ts';
import { goOn, must, run } from './sh.ts';

export type Guest = { name: string; network: string; host: string; netns: string; ips: string[] };

/** Echo requests that a guest has received so far, IPv4 and IPv6 (its kernel's own counters: neighbour discovery is not among them). */
async function received(guest: Guest): Promise<number> {
  const snmp = await must('ip', 'netns', 'exec', guest.netns, 'cat', '/proc/net/snmp', '/proc/net/snmp6');
  const [names = '', values = ''] = snmp.split('\n').filter((line) => line.startsWith('Icmp:'));
  const v4 = Number(values.split(' ')[names.split(' ').indexOf('InEchos')]);
  return v4 + Number(/^Icmp6InEchos\s+(\d+)/m.exec(snmp)?.[1] ?? 0);
}

async function ping(from: Guest, to: string): Promise<{ sent: number; back: number; text: string }> {
  goOn();
  const { out } = await run('ip', ['netns', 'exec', from.netns, 'ping', '-n', '-c', '3', '-i', '0.1', '-W', '1', to]);
  const counts = /(\d+) packets transmitted, (\d+)/.exec(out);
  const rtt = /= [\d.]+\/([\d.]+)/.exec(out)?.[1];
  const [sent, back] = [Number(counts?.[1] ?? 0), Number(counts?.[2] ?? 0)];
  return { sent, back, text: `${sent} sent, ${back} back${rtt === undefined ? '' : `, ${rtt} ms`}` };
}

/** Every address of every other guest of the same Network answers, and the answer comes from that Network's guest. */
export async function pingWithin(guests: readonly Guest[]): Promise<number> {
  let wrong = 0;
  for (const from of guests) {
    for (const to of guests) {
      if (from === to || from.network !== to.network) continue;
      for (const address of to.ips) {
        if (address.includes(':') && !from.ips.some((own) => own.includes(':'))) continue;
        const twin = guests.find((other) => other.network !== to.network && other.ips.includes(address));
        const twinBefore = twin === undefined ? 0 : await received(twin);
        const result = await ping(from, address);
        const stray = twin === undefined ? 0 : (await received(twin)) - twinBefore;
        const good = result.sent === 3 && result.back === 3 && stray === 0;
        if (!good) wrong += 1;
        say(
          `  ${good ? 'ok   ' : 'WRONG'} ${`${from.name} (${from.host})`.padEnd(34)} → ${`${address} = ${to.name} (${to.host})`.padEnd(38)} ${result.text}` +
            (twin === undefined ? '' : `; ${stray} at ${twin.name}, which has the same address in ${twin.network}`),
        );
      }
    }
  }
  return wrong;
}

/** An address that only the other Network has gets no answer. */
export async function pingBetween(guests: readonly Guest[]): Promise<number> {
  let wrong = 0;
  for (const from of guests) {
    for (const to of guests) {
      if (from.network === to.network) continue;
      const foreign = to.ips.filter((address) => !guests.some((other) => other.network === from.network && other.ips.includes(address)));
      for (const address of foreign) {
        const before = await received(to);
        const result = await ping(from, address);
        const arrived = (await received(to)) - before;
        const good = result.sent === 3 && result.back === 0 && arrived === 0;
        if (!good) wrong += 1;
        say(
          `  ${good ? 'ok   ' : 'WRONG'} ${`${from.name} (${from.network})`.padEnd(42)} → ${`${address} = ${to.name} (${to.network})`.padEnd(38)} ${result.text}; ${arrived} arrived`,
        );
      }
    }
  }
  return wrong;
}
