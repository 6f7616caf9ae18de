/**
 * How one host tells another which balancer chose the target of a flow: `ct mark` of the client's router travels in the header of the tunnel, and is `ct mark` of
 * the flow at the target's router again.
 */

/** Of a packet that arrives, before anything uses the mark as it likes. */
export const HEAR_BALANCER = 'meta mark != 0 iifname "vx" ct mark set meta mark';
/** Of one that leaves, behind all that did. */
export const TELL_BALANCER = 'ct mark != 0 iifname != "vx" oifname "vx" ct direction original meta mark set ct mark';
