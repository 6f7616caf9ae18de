import { inOrder } from './convergence.ts';

const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;

describe('The stages of a change', () => {
  it('are told as they are where they come one after the other', () => {
    const stages = {
      accepted: at(1),
      appended: at(2),
      appendedLast: at(9),
      derived: at(3),
      delivered: at(4),
      compiled: at(5),
      applied: at(6),
    };
    expect(inOrder(stages)).toEqual(stages);
    expect(inOrder({ appended: at(2), appendedLast: at(2) })).toEqual({ appended: at(2), appendedLast: at(2) });
  });

  it('come one after the other where a gateway heard of rows after a host had them', () => {
    const heard = { appended: at(2), appendedLast: at(2), derived: at(7), delivered: at(4), compiled: at(5), applied: at(6) };
    expect(inOrder(heard)).toMatchObject({ derived: at(4), delivered: at(4), compiled: at(5), applied: at(6) });
  });

  it('come one after the other where clocks differ: those of hosts give way to the log', () => {
    const early = {
      accepted: at(3),
      appended: at(2),
      appendedLast: at(1),
      derived: at(4),
      delivered: at(1),
      compiled: at(1),
      applied: at(1),
    };
    const stages = inOrder(early);
    expect(stages).toEqual({
      accepted: at(2),
      appended: at(2),
      appendedLast: at(2),
      derived: at(2),
      delivered: at(2),
      compiled: at(2),
      applied: at(2),
    });
    expect(inOrder({ ...early, compiled: at(5) })).toMatchObject({ delivered: at(2), compiled: at(5), applied: at(5) });
  });
});
