#!/usr/bin/env bash
# Prints what happens as it happens, one CloudEvent a line, with the `nats` command line (github.com/nats-io/natscli) on a bus of your own (WEFT_NATS).
# NATS forgets: what was missed is asked of a gateway, as examples/curl does, behind the `cursor` of the last line.
#
#   WEFT_NATS=nats://127.0.0.1:4222 examples/nats/follow.sh 'weft.events.lb.LoadBalancer.>'
set -eu
exec nats --server "${WEFT_NATS:?names the NATS server}" subscribe --raw "${1:-weft.events.>}"
