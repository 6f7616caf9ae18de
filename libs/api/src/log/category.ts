/** What stands before the first dash of a stream's name: the name of a kind, or the category of a reservation stream. */
export function categoryOf(stream: string): string {
  return stream.slice(0, Math.max(0, stream.indexOf('-')));
}
