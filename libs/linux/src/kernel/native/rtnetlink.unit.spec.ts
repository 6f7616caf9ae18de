import { messagesOf } from './rtnetlink.ts';
import { FDB, LINES, REFUSED } from './testing/lines.ts';

describe('Lines as rtnetlink messages', () => {
  it('knows every line that the driver writes often', () => {
    for (const line of [...LINES, ...REFUSED]) expect([line, messagesOf('ip', [line]) !== undefined]).toEqual([line, true]);
    for (const line of FDB) expect([line, messagesOf('bridge', [line]) !== undefined]).toEqual([line, true]);
  });

  it('leaves what it does not know to the tool, with all that came beside it', () => {
    const unknown = [
      'netns add x',
      'addr flush dev vx',
      'link add vx type vxlan id 7',
      'link set g1 netns x',
      'route replace 10.0.0.1/33 dev g1',
      'route replace 10.0.0.256/32 dev g1',
      'route replace 10.0.0.1/32 dev g1 realm 7',
      'neigh replace 10.0.0.1 lladdr 02:00 dev g1',
      'neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 nud permanent',
      'bogus',
      '',
    ];
    for (const line of unknown) expect([line, messagesOf('ip', ['link set lo up', line])]).toEqual([line, undefined]);
    expect(messagesOf('bridge', ['link set lo up'])).toBeUndefined();
  });

  it('writes a message as the kernel has it, and says where the index of the device belongs', () => {
    const [group] = messagesOf('ip', ['neigh replace 10.0.0.1 lladdr 02:00:00:00:00:07 dev g1 nud permanent'], 5) ?? [];
    // nlmsghdr {length, RTM_NEWNEIGH, REQUEST|CREATE|REPLACE, number, 0}, ndmsg {AF_INET, index, NUD_PERMANENT}, NDA_DST, NDA_LLADDR.
    expect(Buffer.from(group?.messages ?? []).toString('hex')).toBe(
      '30000000 1c00 0105 05000000 00000000 02000000 00000000 8000 0000 0800 0100 0a000001 0a00 0200 020000000007 0000'.replaceAll(' ', ''),
    );
    expect(group?.devices).toEqual([[20, 'g1', 5]]);
  });

  it('parts messages where a device comes or goes, since the next ones may speak of it', () => {
    const lines = [
      'link set lo up',
      'link add a type veth peer name b',
      'link set a up',
      'link set b up',
      'link del a',
      'link set lo down',
    ];
    const numbers = messagesOf('ip', lines)?.map(({ devices, messages }) => [devices.length, messages.length > 0]);
    expect(numbers).toEqual([
      [1, true],
      [3, true],
      [1, true],
    ]);
    expect(messagesOf('ip', Array(300).fill('link set lo up'))).toHaveLength(3);
  });
});
