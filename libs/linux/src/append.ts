/** As `push`, for more values than a call can have arguments (some 120,000). */
export function append<T>(to: T[], values: Iterable<T>): void {
  for (const value of values) to.push(value);
}
