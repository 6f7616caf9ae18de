/** Something within a network, as a key: `<vni>/<rest>`. */
export function inNetwork(vni: number, rest: string | number): string {
  return `${vni}/${rest}`;
}
export function networkOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
export function restOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
