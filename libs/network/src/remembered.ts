/** Makes something of an object that is never changed, once for each such object, however often it is asked for. It is forgotten with the object. */
export function onceFor<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const made = new WeakMap<K, V>();
  return (of) => {
    const found = made.get(of);
    if (found !== undefined) return found;
    const value = make(of);
    made.set(of, value);
    return value;
  };
}
