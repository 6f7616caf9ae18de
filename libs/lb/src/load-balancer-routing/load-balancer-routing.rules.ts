/** Defaults and rules of a LoadBalancerRouting (resources 2.6; 5 S-23). */
import { type ApiObject, type FieldError, invalid, mapChanged, subdomainProblems } from '@weft/api';
import type { RoutingDestination } from './load-balancer-routing.model.ts';
import type { LoadBalancerRoutingTypes } from './load-balancer-routing.types.ts';

type Routing = ApiObject<LoadBalancerRoutingTypes>;

/** The short form of a destination, `{name, uid}`, is written out; its address follows once the interface is known to have one. */
export function routingDefaults(object: Routing): Routing {
  const { destinations } = object;
  const full = destinations && mapChanged(destinations, writtenOut);
  return full === destinations ? object : { ...object, destinations: [...(full ?? [])] };
}

function writtenOut(destination: RoutingDestination): RoutingDestination {
  const { name, uid, ...rest } = destination;
  if (name === undefined && uid === undefined) return destination;
  return { ...rest, targetRef: rest.targetRef ?? { ...(name !== undefined && { name }), ...(uid !== undefined && { uid }) } };
}

export function routingRules({ destinations = [] }: Routing): FieldError[] {
  return destinations.flatMap(({ ip, targetRef }, i) => {
    const errors: FieldError[] = [];
    const name = targetRef?.name ?? '';
    // Without an address it must say whose address is meant.
    if (ip === undefined && name === '') errors.push(invalid(`destinations[${i}].ip`, ip ?? '', 'must specify an address'));
    if (targetRef !== undefined) {
      for (const problem of subdomainProblems(name)) errors.push(invalid(`destinations[${i}].targetRef.name`, name, problem));
    }
    return errors;
  });
}
