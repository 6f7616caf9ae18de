export type { Bus, BusSubscription, Handler, Message, Responder } from './port.ts';
export { BusClosedError, BusDownError, BusError, BusTimeoutError, NoResponderError } from './port.ts';
export type { AnyRow, RowChange, RowPublisher, RowSubscriber, TableChange, TableView } from './rows/rows-port.ts';
