#!/bin/sh
# Makes up for the cycles of the last hours, a few at a time, until nothing is left.
#
#   docs/runbooks/catch-up.sh FUNCTION [HOURS] [LIMIT]
#
# FUNCTION is the stack's output DataPollerFunctionArn. 48 hours and 10 runs a call where nothing is said; between calls it
# waits WAIT seconds (60), since runs that are under way take their source's places.
set -eu
function=${1:?usage: catch-up.sh FUNCTION [HOURS] [LIMIT]}
payload=$(printf '{"backfill_hours": %d, "limit": %d}' "${2:-48}" "${3:-10}")
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

while :; do
    aws lambda invoke --function-name "$function" --cli-binary-format raw-in-base64-out \
        --payload "$payload" "$answer" >/dev/null
    left=0
    python3 - "$answer" <<'PYTHON' || left=$?
import json
import sys

answer = json.load(open(sys.argv[1]))
if "errorType" in answer:
    sys.exit(f"data-poller: {answer['errorType']}: {answer['errorMessage']}")
for name in answer["triggered"]:
    print("triggered", name)
for failure in answer["failed"]:
    print("failed   ", failure["name"], failure["error"])
print(len(answer["remaining"]), "left")
sys.exit(3 if answer["remaining"] else 0)
PYTHON
    # 3: something is left.
    [ "$left" -eq 3 ] || exit "$left"
    sleep "${WAIT:-60}"
done
