#!/bin/sh
# Tries the failed cycles of a source again, and says how each cycle of its last day stands (SOP-002).
#
#   docs/runbooks/retry-source.sh FUNCTION SOURCE
#
# FUNCTION is the stack's output DataPollerFunctionArn, SOURCE the source's name in the watch file.
set -eu
function=${1:?usage: retry-source.sh FUNCTION SOURCE}
source=${2:?usage: retry-source.sh FUNCTION SOURCE}
case $source in
*[!A-Za-z0-9._-]*)
    echo "retry-source.sh: SOURCE is \`$source\`: expected a source's name in the watch file, as in gfs" >&2
    exit 2
    ;;
esac
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

aws lambda invoke --function-name "$function" --cli-binary-format raw-in-base64-out \
    --payload "$(printf '{"source": "%s", "force_retry": true}' "$source")" "$answer" >/dev/null
python3 - "$answer" <<'PYTHON'
import json
import sys

answer = json.load(open(sys.argv[1]))
if "triggered" not in answer:
    sys.exit(f"data-poller: {answer.get('errorType', 'failed')}: {answer.get('errorMessage', answer)}")
for name in answer["triggered"]:
    print(name, "triggered")
for skipped in answer["skipped"]:
    print(skipped["name"], skipped["reason"])
for name in answer["remaining"]:
    print(name, "left for the next call")
for failure in answer["failed"]:
    print(failure["name"], "failed:", failure["error"])
sys.exit(1 if answer["failed"] else 0)
PYTHON
