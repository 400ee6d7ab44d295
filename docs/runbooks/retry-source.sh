#!/bin/sh
# Tries the failed cycles of a source again, and says how each cycle of its last day stands (SOP-002).
#
#   docs/runbooks/retry-source.sh FUNCTION SOURCE
#
# FUNCTION is the stack's output DataPollerFunctionArn, SOURCE the source's name in the watch file.
set -eu
function=${1:?usage: retry-source.sh FUNCTION SOURCE}
source=${2:?usage: retry-source.sh FUNCTION SOURCE}
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

aws lambda invoke --function-name "$function" --cli-binary-format raw-in-base64-out \
    --payload "$(printf '{"source": "%s", "force_retry": true}' "$source")" "$answer" >/dev/null
python3 - "$answer" <<'PYTHON'
import json
import sys

answer = json.load(open(sys.argv[1]))
if "errorType" in answer:
    sys.exit(f"data-poller: {answer['errorType']}: {answer['errorMessage']}")
for name in answer["triggered"]:
    print(name, "triggered")
for skipped in answer["skipped"]:
    print(skipped["name"], skipped["reason"])
for name in answer["remaining"]:
    print(name, "left for the next call")
PYTHON
