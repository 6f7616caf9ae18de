import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Ends connections at shutdown as soon as they carry no request. Node's own `closeIdleConnections` leaves those alone that never carried one,
 * so a client that connects ahead of its requests would hold up the end.
 */
export class Connections {
  /** Requests under way, by connection. */
  readonly #requests = new Map<Socket, number>();
  #closing = false;

  constructor(server: Server) {
    server.on('connection', (socket: Socket) => {
      if (this.#closing) {
        socket.destroy();
        return;
      }
      this.#requests.set(socket, 0);
      socket.once('close', () => this.#requests.delete(socket));
    });
    server.prependListener('request', (request, response) => {
      const { socket } = request;
      this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
      response.once('close', () => {
        if (!this.#requests.has(socket)) return;
        const left = (this.#requests.get(socket) as number) - 1;
        this.#requests.set(socket, left);
        if (this.#closing && left === 0) socket.destroySoon();
      });
    });
  }

  /** From now on a connection ends with its last request; those without one end at once. */
  close(): void {
    this.#closing = true;
    for (const [socket, requests] of this.#requests) if (requests === 0) socket.destroySoon();
  }
}
