#!/bin/sh
# What the image starts: `runtime`, but before serving a folder that has no plan for this GPU it
# builds one, or says how. The daemon is started in any case, and says itself what it serves.
set -eu

has_plan() {
    python3 - "$1" <<'PYTHON'
import sys
from pathlib import Path

from runtime.errors import EngineRefused
from runtime.device.machine import this_machine
from runtime.repository.choose_build import PLAN_BACKENDS, choose_build
from runtime.repository.engine_folder import EngineFolder

try:
    chosen = choose_build(EngineFolder(Path(sys.argv[1])), this_machine())
except EngineRefused:
    sys.exit(1)
sys.exit(chosen.backend not in PLAN_BACKENDS)
PYTHON
}

if [ "${1:-}" = serve ] && [ -f "${2:-}/manifest.json" ] && ! has_plan "$2"; then
    build="runtime build-engine --folder $2 --tensorrt"
    if [ -w "$2" ]; then
        echo "no plan for this GPU in $2: building one, which takes minutes" >&2
        $build || echo "the plan could not be built; serving what is there" >&2
    else
        echo "no plan for this GPU in $2, which cannot be written to: mount it writable for" \
            "user $(id -u), or run once, as a user who may write: $build" >&2
    fi
fi
exec runtime "$@"
