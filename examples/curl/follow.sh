#!/usr/bin/env bash
# Prints what happens, one line each, with curl alone, and goes on where it was after each interruption. The last id is kept in a file.
#
#   examples/curl/follow.sh 'kind=LoadBalancer&namespace=shop' [file]
set -u
server=${WEFT_SERVER:-http://127.0.0.1:7480}
question=${1:-}
file=${2:-./last-event-id}
while true; do
  last=$(cat "$file" 2>/dev/null || echo 0)
  # -N: each line at once. An event is `id: …`, then `data: …`, then an empty line.
  curl -sSfN -H "Last-Event-ID: $last" "$server/weft/v1/events?$question" | while IFS= read -r line; do
    case $line in
    'id: '*) id=${line#id: } ;;
    'event: '*) event=${line#event: } ;;
    'data: '*) [ -z "${event:-}" ] && printf '%s\n' "${line#data: }" ;;
    '')
      # What was printed is done.
      [ -n "${id:-}" ] && printf '%s' "$id" >"$file.new" && mv "$file.new" "$file"
      event=
      ;;
    esac
  done
  sleep 1
done
