#!/usr/bin/env bash
# What others make of our document: schemathesis asks a real server everything that /openapi.json
# allows and much that it does not, and follows what answers lead to. The same questions every time:
# one worker, one seed, and a number of examples, not a time, says when it is enough.
#
#   tests/schemathesis.sh [EXAMPLES]      of each operation; 20 unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

EXAMPLES=${1:-20}
WORK=$(mktemp -d)
PROGRAM=$(tests/peers/install schemathesis)/bin/schemathesis
SERVER=

# shellcheck disable=SC2317 # the trap calls it
clean_up() {
  [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true
  [ -z "$SERVER" ] || wait "$SERVER" 2>/dev/null || true
  rm -rf "$WORK"
}
trap clean_up EXIT

said() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$WORK/said"; }

# Who tries many wrong credentials is told 429, which is no answer to whether one opens anything.
PIPEROLL_LIMITS__CHALLENGES_PER_TENANT_PER_MINUTE=1000000 \
  PIPEROLL_LIMITS__WRONG_CREDENTIALS_PER_ADDRESS_PER_MINUTE=1000000 \
  target/debug/piperoll --json serve --listen 127.0.0.1:0 --data "$WORK/data" \
  >"$WORK/said" 2>"$WORK/log" &
SERVER=$!
for _ in $(seq 600); do
  [ ! -s "$WORK/said" ] || break
  sleep 0.1
done
URL=$(said url)
KEY=$(said key)
[ -n "$URL" ] || { cat "$WORK/log" >&2; exit 1; }

# An operator may declare a connection that cannot be used: what needs one then says 503, and nothing
# else may. Whoever shows two credentials is refused, so one route that takes either is told which.
cat >"$WORK/schemathesis.toml" <<TOML
hooks = "$PWD/tests/schemathesis_hooks.py"
[auth.openapi.piperoll_key]
api_key = "$KEY"
[auth.openapi.operator_header]
api_key = "$(said admin_token)"
[[operations]]
include-path = "/api/payments"
auth = {}
headers = { Piperoll-Key = "$KEY" }
[[operations]]
include-path-regex = "^/(webhooks/|api/payments/webhooks/|v1/topups|v1/payments|v1/l402/|v1/admin/sandbox/)"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
# What is longer than any batch may be is refused as that. tests/schemathesis_hooks.py says what else differs.
[[operations]]
include-path-regex = "(/batch|/grants)$"
checks.negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "409", "413", "415", "422", "429", "503"]
TOML

# A request may fit the document and break a rule of the roll, which no document can say: hence no
# positive_data_acceptance. The routes that a proxy asks take any method, as the proxy was asked: hence no
# unsupported_method; tests/hostile.rs asks for methods that nobody knows.
status=0
(cd "$WORK" && "$PROGRAM" --config-file schemathesis.toml run "$URL/openapi.json" \
  --phases coverage,fuzzing,stateful --seed 4020 --max-examples "$EXAMPLES" \
  --workers 1 --suppress-health-check filter_too_much,too_slow --no-color --warnings off --checks \
  not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,ignored_auth \
) || status=$?
kill -0 "$SERVER" || { echo "the server is gone" >&2; exit 1; }
if grep -E 'panicked| ERROR ' "$WORK/log" >&2; then exit 1; fi
exit $status
