"""Loading TensorRT's Python module, or saying why it does not load."""

from __future__ import annotations

import importlib
from typing import Any

from typing_extensions import Literal

from runtime.errors import BuildFailed
from runtime.inference.backends.tensorrt.api import TensorRT

ModuleName = Literal["tensorrt", "tensorrt_rtx"]


def tensorrt_module(name: ModuleName = "tensorrt") -> TensorRT:
    """Imports TensorRT.

    Raises:
        BuildFailed: it is not installed, or its libraries do not load.
    """
    try:
        module: Any = importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise BuildFailed(
            f"{name} cannot be imported: {error}",
            "JetPack brings it as python3-libnvinfer, which a virtual environment sees with "
            "--system-site-packages; elsewhere `pip install tensorrt`",
        ) from error
    return module  # type: ignore[no-any-return]
