/**
 * Runs: programs that name the steps to take, and let a port take them. A run is a generator. It yields the name and the arguments of one method of a
 * port, and goes on with what that method gave back (or threw). So one program serves a port that answers at once (World) and one that answers later
 * (the services, with a store and leases), and a test can give any answers.
 */

/** Methods as they would be if all of them answered at once. */
export type PortOf<P> = { readonly [K in keyof P]: (...args: never[]) => unknown };

/** One method to call. */
export type Step<P extends PortOf<P>, K extends keyof P = keyof P> = { [N in K]: Readonly<{ call: N; args: Parameters<P[N]> }> }[K];

export type Run<P extends PortOf<P>, T> = Generator<Step<P>, T, unknown>;

/** The same methods, some of which answer later. */
export type Later<P extends PortOf<P>> = {
  readonly [K in keyof P]: (...args: Parameters<P[K]>) => ReturnType<P[K]> | Promise<Awaited<ReturnType<P[K]>>>;
};

/** How a run calls its port: `const state = yield* call('read', key)`. */
export function callsOf<P extends PortOf<P>>() {
  return function* call<K extends keyof P>(name: K, ...args: Parameters<P[K]>): Generator<Step<P>, ReturnType<P[K]>, unknown> {
    return (yield { call: name, args } as Step<P>) as ReturnType<P[K]>;
  };
}

/** Carries a run out on a port that answers at once. */
export function runNow<P extends PortOf<P>, T>(run: Run<P, T>, port: P): T {
  let step = run.next();
  while (step.done !== true) {
    let answer: unknown;
    try {
      answer = perform(port, step.value);
    } catch (error) {
      step = run.throw(error);
      continue;
    }
    step = run.next(answer);
  }
  return step.value;
}

/** Carries a run out on a port some of whose methods give promises. Between steps that are answered at once nothing else runs. */
export async function runLater<P extends PortOf<P>, T>(run: Run<P, T>, port: Later<P>): Promise<T> {
  let step = run.next();
  while (step.done !== true) {
    let answer: unknown;
    try {
      answer = perform(port, step.value);
      if (answer instanceof Promise) answer = await answer;
    } catch (error) {
      step = run.throw(error);
      continue;
    }
    step = run.next(answer);
  }
  return step.value;
}

function perform(port: object, { call, args }: Readonly<{ call: PropertyKey; args: readonly unknown[] }>): unknown {
  return (port as Readonly<Record<PropertyKey, (...args: readonly unknown[]) => unknown>>)[call]?.(...args);
}
