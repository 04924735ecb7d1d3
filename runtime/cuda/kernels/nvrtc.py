"""NVRTC, NVIDIA's compiler as a library: CUDA C++ to cubins and PTX on machines without a GPU."""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path
from typing import Final, FrozenSet, Iterable, Mapping, Sequence, Tuple

from runtime.errors import BuildFailed

DISTRIBUTION: Final = "nvidia-cuda-nvrtc-cu11==11.8.89"
_PACKAGE: Final = "nvidia.cuda_nvrtc"
# Other releases may lie in the same folder: torch brings its own.
_PATTERN: Final = "lib/libnvrtc.so.11.*"


def packaged_library() -> Path:
    """The library that `pip install nvidia-cuda-nvrtc-cu11` brings.

    Raises:
        BuildFailed: it is not installed.
    """
    # find_spec imports the parent package, so it is asked for first.
    spec = find_spec(_PACKAGE) if find_spec(_PACKAGE.split(".", maxsplit=1)[0]) else None
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        for library in sorted(Path(folder).glob(_PATTERN)):
            return library
    raise BuildFailed("there is no NVRTC 11.8", f"Install it with `pip install {DISTRIBUTION}`")


class Nvrtc:
    """A loaded NVRTC.

    Args:
        library: path of libnvrtc.

    Raises:
        BuildFailed: the library cannot be loaded.
    """

    def __init__(self, library: Path) -> None:
        try:
            self._library = ctypes.CDLL(str(library))
        except OSError as error:
            raise BuildFailed(
                f"{library.name} cannot be loaded: {error}",
                f"Install it with `pip install {DISTRIBUTION}`",
            ) from error
        self._library.nvrtcGetErrorString.restype = ctypes.c_char_p

    @property
    def version(self) -> Tuple[int, int]:
        """Of CUDA: major and minor."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        return major.value, minor.value

    @property
    def capabilities(self) -> FrozenSet[Tuple[int, int]]:
        """Compute capabilities that it compiles for."""
        count = ctypes.c_int()
        self._call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        numbers = (ctypes.c_int * count.value)()
        self._call("nvrtcGetSupportedArchs", numbers)
        return frozenset(divmod(number, 10) for number in numbers)

    def compiled(
        self, main: str, sources: Mapping[str, bytes], options: Sequence[str]
    ) -> Tuple[bytes, str]:
        """Compiles one translation unit.

        Args:
            main: name of the source that is compiled; the others can be included by name.
            sources: texts by name.
            options: of the compiler; `--gpu-architecture=sm_72` gives a cubin, `compute_72` PTX.

        Returns:
            The binary and the compiler's log.

        Raises:
            BuildFailed: the compiler refuses; its log is quoted.
        """
        headers = {name: text for name, text in sources.items() if name != main}
        program = ctypes.c_void_p()
        self._call(
            "nvrtcCreateProgram",
            ctypes.byref(program),
            sources[main],
            main.encode(),
            len(headers),
            _strings(headers.values()),
            _strings(name.encode() for name in headers),
        )
        try:
            given = _strings(option.encode() for option in options)
            code = self._library.nvrtcCompileProgram(program, len(options), given)
            log = self._text(program, "ProgramLog").rstrip(b"\0\n").decode()
            if code:
                raise BuildFailed(f"{main} does not compile: {log}", "Correct the source")
            real = any(option.startswith("--gpu-architecture=sm_") for option in options)
            binary = self._text(program, "CUBIN" if real else "PTX")
            return (binary if real else binary.rstrip(b"\0")), log
        finally:
            self._call("nvrtcDestroyProgram", ctypes.byref(program))

    def _text(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, buffer)
        return buffer.raw

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            said = self._library.nvrtcGetErrorString(code).decode()
            raise BuildFailed(f"{name} failed: {said}", f"Use NVRTC of {DISTRIBUTION}")


def _strings(texts: Iterable[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    listed = list(texts)
    return (ctypes.c_char_p * len(listed))(*listed)
