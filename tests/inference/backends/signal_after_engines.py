"""Opens two engines, closes the first before the second, and sends itself a signal.

python -m tests.inference.backends.signal_after_engines model.onnx
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from runtime.inference.backends.openvino import OpenVinoEngine
from tests.contracts.engine import striped_manifest
from tests.engines import fake_build


def main(network: Path) -> None:
    build = fake_build().model_copy(update={"backend": "openvino"})
    stacks = [ExitStack(), ExitStack()]
    for stack in stacks:
        stack.enter_context(OpenVinoEngine(striped_manifest(), build, network, "latency"))
    for stack in stacks:
        stack.close()
        gc.collect()
    signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"noticed\n"))
    os.kill(os.getpid(), signal.SIGUSR1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
