#!/usr/bin/env bash
# Posts one usage event with curl. A lost answer is no problem: the same id counts once, so it is sent again.
set -euo pipefail

: "${METERGATE_URL:?the address of your gateway}" "${METERGATE_KEY:?an ingest key}"
: "${CUSTOMER:?your id for the customer}" "${DIMENSION:?a dimension of the product}"

# Made once, where the usage happens, and kept for every retry.
id="call-$(date +%s)-$$-$RANDOM"
event=$(printf '{"id":"%s","customer":"%s","dimension":"%s","quantity":"1.5","timestamp":"%s"}' \
  "$id" "$CUSTOMER" "$DIMENSION" "$(date -u +%Y-%m-%dT%H:%M:%SZ)")

# --retry: 429, 5xx and broken connections, with growing pauses. What the gateway refuses (4xx) is not retried.
answer=$(curl --silent --show-error --max-time 10 --retry 5 --retry-all-errors --write-out '\n%{http_code}' \
  --header "Authorization: Bearer $METERGATE_KEY" --header 'Content-Type: application/json' \
  --data "$event" "$METERGATE_URL/v1/usage")
echo "$answer"
[ "${answer##*$'\n'}" = 202 ]
