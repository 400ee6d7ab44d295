#!/bin/sh
# Makes up for the cycles of the last hours, a few at a time, until nothing is left.
#
#   docs/runbooks/catch-up.sh FUNCTION [HOURS] [LIMIT]
#
# FUNCTION is the stack's output DataPollerFunctionArn. 48 hours and 10 runs a call where nothing is said; between calls it
# waits WAIT seconds (60), since runs that are under way take their source's places.
set -eu
function=${1:?usage: catch-up.sh FUNCTION [HOURS] [LIMIT]}
number() {
    case $2 in
    '' | *[!0-9]* | 0[0-9]*)
        echo "catch-up.sh: $1 is \`$2\`: expected a whole number, as in $3" >&2
        exit 2
        ;;
    esac
}
number HOURS "${2:-48}" 48
number LIMIT "${3:-10}" 10
payload=$(printf '{"backfill_hours": %s, "limit": %s}' "${2:-48}" "${3:-10}")
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
if "triggered" not in answer:
    sys.exit(f"data-poller: {answer.get('errorType', 'failed')}: {answer.get('errorMessage', answer)}")
for name in answer["triggered"]:
    print("triggered", name)
for failure in answer["failed"]:
    print("failed   ", failure["name"], failure["error"])
print(len(answer["remaining"]), "left")
sys.exit(3 if answer["remaining"] else 1 if answer["failed"] else 0)
PYTHON
    # 3: something is left; 1: what failed last is named above.
    [ "$left" -eq 3 ] || exit "$left"
    sleep "${WAIT:-60}"
done
