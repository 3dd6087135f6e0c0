#!/usr/bin/env bash
# How many programs a hunt needs to find planted faults, with feedback and without: see harness/benches/feedback.rs. A hunt that fails or cannot
# be trusted ends the measurement; it is never counted as one that found nothing.
#
#   ci/measure-feedback.sh [--seeds FROM..TO] [--cap N] [RUNTIME|FAULT...]
#
# For the two faults of the record at the collector's own capacities:
#   ci/measure-feedback.sh --cap 2000 fixed?fault={drop-field-push,candidate-without-bitmap},worklist=16384,roots=4096
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo bench --locked -p heapsmith --bench feedback -- "$@"
