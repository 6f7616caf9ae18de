import { SpareTime } from './spare-time.ts';

it('there is spare time when the log has not grown, and every twentieth time while it grows', () => {
  const spare = new SpareTime();
  expect([spare.isNow(5n), spare.isNow(5n), spare.isNow(6n), spare.isNow(6n)]).toEqual([true, true, false, true]);
  const grows = Array.from({ length: 60 }, (_, i) => spare.isNow(BigInt(i + 7)));
  expect(grows.flatMap((is, i) => (is ? [i] : []))).toEqual([19, 39, 59]);
});
