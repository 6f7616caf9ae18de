export type {
  Driver,
  DriverFault,
  GuardObject,
  HostIdentity,
  KernelObject,
  KernelState,
  PeerObject,
  PortObject,
  RouteObject,
  RouterObject,
} from './kernel/kernel-objects.ts';
export { keyOf } from './kernel/kernel-objects.ts';
export type { EndpointRow, HostRow, PlacementRow, Row, TableName } from './rows/rows.ts';
