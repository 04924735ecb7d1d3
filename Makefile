# Every target sets up what it needs in .venv beside the sources; nothing global, no root.

PYTHON ?= python3

# The torch that the builder's tests run with. Where the package index offers a build without CUDA
# under another name or address, TORCH="..." takes any arguments of pip and saves gigabytes.
TORCH_38 := torch==2.4.1
TORCH ?= $(shell $(PYTHON) -c 'import sys; print("$(TORCH_38)" if sys.version_info < (3, 10) else "torch==2.13.0")')

# AGX Xavier has Python 3.8; the second test lane runs where one is found.
PYTHON38 ?= $(shell for p in "$$HOME"/.pyenv/versions/3.8.*/bin/python3.8 python3.8; do \
    "$$p" -c 'import sys; print(sys.executable)' 2>/dev/null && break; done)

.DEFAULT_GOAL := help
.PHONY: help serve check test test-quick test-all test-py38 test-rtx test-rtx-all test-pycuda test-gpu \
    kernels lint format bench slow
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

serve: .venv/.serving ## Serve the demo engine on the demo clip
	.venv/bin/runtime serve --config deploy/demo.toml

# One process a core, each a run of neighbouring tests, so that they share a module's fixtures; who
# is done takes from the others. More than eight have nothing left to take.
PYTEST := python -m pytest -q -n auto --maxprocesses 8 --dist worksteal

# Types are checked by one process, so the tests run beside it; each prints when it has ended.
check: .venv/.development .venv/stubs/.ready ## Check style and types, run the quick tests: for daily work
	$(MAKE) --no-print-directory -j2 --output-sync=target lint test-quick

test: lint test-all test-py38 ## Check style and types, then run the tests, on Python 3.8 too where there is one

# What takes a second or starts a browser, a camera, Prometheus or the compiler of the kernels.
NOT_QUICK := slow or long or browser or rtsp or prometheus or nvrtc

test-quick: .venv/.development
	.venv/bin/$(PYTEST) -m 'not ($(NOT_QUICK))'

test-all: .venv/.development
	.venv/bin/$(PYTEST)

lint: .venv/.development .venv/stubs/.ready ## Check style, format and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	if [ -x .venv/bin/mypy ]; then MYPYPATH=.venv/stubs .venv/bin/mypy; else echo "mypy needs Python 3.10: types unchecked"; fi

format: .venv/.development ## Format the sources
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

bench: .venv/.development ## Measure against the raw engine and print the table
	.venv/bin/python -m benchmarks

slow: .venv/.development ## Run the tests that take minutes
	.venv/bin/python -m pytest -q -m slow

# TensorRT-RTX takes 360 MB (100 to download), and brings the real parser and builder to machines
# without a GPU; of other releases there are the bindings, which tell what names they have.
TENSORRT_BINDINGS := tensorrt-bindings==8.6.1 tensorrt-cu12-bindings==10.3.0 \
    tensorrt-cu12-bindings==10.13.0.35 tensorrt-cu13-bindings==11.4.0.106

test-rtx: .venv-rtx/.ready ## Build small plans with TensorRT-RTX, look into real bindings
	.venv-rtx/bin/python -m pytest -q tests/builder/tensorrt/test_plan_rtx.py \
	    tests/builder/tensorrt/test_plan_folder_rtx.py tests/builder/tensorrt/test_plan_bindings.py \
	    tests/inference/backends/tensorrt/test_engine_rtx.py

# Every network of the family, and ResNet-34 at full size.
MATRIX ?= build/matrix

test-rtx-all: .venv-rtx/.ready .venv/.development ## Build every plan, write docs/tensorrt.md's table
	.venv/bin/python -m tests.data.tensorrt.make_graphs --all $(MATRIX)
	.venv-rtx/bin/python -m tests.builder.tensorrt.build_matrix $(MATRIX) --write docs/tensorrt.md

# The real pycuda, where there is no GPU: over a driver of ours, see tests/cuda/stub_driver.
test-pycuda: .venv-pycuda/.ready ## Run what launches kernels with the real pycuda, without a GPU
	.venv-pycuda/bin/python -m pytest -q -m pycuda tests/cuda tests/inference/backends/tensorrt

test-gpu: .venv/.development ## Run what needs an NVIDIA GPU, on a machine that has one and pycuda
	.venv/bin/python -m pytest -q -m gpu

kernels: .venv/.development ## Compile the CUDA kernels for every architecture, without a GPU
	.venv/bin/python -m runtime.cuda.kernels.compile

ifeq ($(PYTHON38),)
test-py38: ## Run the tests on Python 3.8
	@echo "No Python 3.8 on this machine: its lane is not run (PYTHON38=/path/to/python3.8 names one)."
else
# This lane proves the language and the oldest libraries; browsers and the like are the other lane's.
test-py38: .venv38/.development
	env -u RUNTIME_TEST_NO_SKIP .venv38/bin/$(PYTEST)
endif

.venv/bin/pip:
	$(call create-venv,$(PYTHON),.venv)

.venv38/bin/pip:
	$(call create-venv,$(PYTHON38),.venv38)

.venv-rtx/bin/pip:
	$(call create-venv,$(PYTHON),.venv-rtx)

.venv-rtx/.ready: | .venv-rtx/bin/pip
	.venv-rtx/bin/pip install -q tensorrt-rtx-cu13 numpy 'pydantic>=2.10' typing-extensions rich onnx pytest
	for binding in $(TENSORRT_BINDINGS); do \
	    .venv-rtx/bin/pip download -q --no-deps -d .venv-rtx/wheels "$$binding" \
	        || echo "no $$binding for this Python: its names are not looked into"; done
	touch $@

.venv-pycuda/bin/pip:
	$(call create-venv,$(PYTHON),.venv-pycuda)

# pycuda is compiled against the headers of the CUDA release that compiles the kernels, and linked
# with a driver that has nothing in it: a minute and a half of one core, 310 MB.
PYCUDA ?= pycuda==2026.1
CUDA_HEADERS := nvidia-cuda-runtime-cu11==11.8.89 nvidia-cuda-profiler-api-cu11==11.8.86

.venv-pycuda/.ready: | .venv-pycuda/bin/pip
	.venv-pycuda/bin/pip install -q setuptools wheel mako $(CUDA_HEADERS) pytest numpy \
	    'pydantic>=2.10' typing-extensions prometheus-client rich \
	    'opencv-python-headless>=4.12,<5' 'simplejpeg>=1.7.3'
	rm -rf .venv-pycuda/build && mkdir -p .venv-pycuda/build/pycuda
	.venv-pycuda/bin/pip download -q --no-deps --no-binary pycuda --no-build-isolation \
	    -d .venv-pycuda/build '$(PYCUDA)'
	tar -xzf .venv-pycuda/build/pycuda-*.tar.gz -C .venv-pycuda/build/pycuda --strip-components=1
	g++ -shared -x c++ /dev/null -Wl,-soname,libcuda.so.1 -o .venv-pycuda/build/libcuda.so
	cd .venv-pycuda/build/pycuda && headers=$$(echo ../../lib/python3.*/site-packages/nvidia) && \
	    ../../bin/python configure.py --no-cuda-enable-curand --cudadrv-lib-dir=.. \
	        --cuda-inc-dir=$$headers/cuda_runtime/include,$$headers/cuda_profiler_api/include \
	        --cxxflags=-O0,-w
	.venv-pycuda/bin/pip install -q --no-build-isolation .venv-pycuda/build/pycuda
	rm -rf .venv-pycuda/build
	touch $@

# Types of TensorRT 10.13 for mypy, apart from Python's own path: as a package they would bring
# TensorRT itself. A few of their lines, of methods that nobody here calls, are not Python.
TENSORRT_STUBS := tensorrt-stubs==10.13.0.35.1

.venv/stubs/.ready: | .venv/bin/pip
	if .venv/bin/pip install -q --no-deps --target .venv/stubs $(TENSORRT_STUBS); then \
	    sed -i -E 's/\bin: list/in_: list/; s/= None, channel_axis: int\)/= None, channel_axis: int = 0)/' \
	        .venv/stubs/tensorrt_bindings/tensorrt.pyi && touch $@; \
	else echo "no $(TENSORRT_STUBS) for this Python: its calls are not checked by type"; fi

.venv/.serving: pyproject.toml | .venv/bin/pip
	.venv/bin/pip install -q -e '.[cpu]'
	touch $@

.venv/.development: pyproject.toml | .venv/bin/pip
	.venv/bin/pip install -q $(TORCH)
	.venv/bin/pip install -q -e '.[cpu,builder,dev]'
	touch $@ .venv/.serving

# On Linux the only torch for Python 3.8 brings gigabytes of CUDA libraries, so it is asked for, not
# presumed; without it the builder's tests stay out of this lane and the summary says so.
.venv38/.development: pyproject.toml | .venv38/bin/pip
	if [ -n "$${INSTALL_TORCH38:-}" ] || .venv38/bin/python -c 'import torch' 2>/dev/null; then \
	    .venv38/bin/pip install -q '$(TORCH_38)' -e '.[cpu,builder,dev]'; \
	else \
	    .venv38/bin/pip install -q -e '.[cpu,dev]'; \
	fi
	touch $@

# The pip that came with Python may be too old to know today's wheels.
define create-venv
$(1) -m venv $(2) || { rm -rf $(2); echo "$(1) cannot make a virtual environment: install python3-venv" >&2; exit 1; }
$(2)/bin/pip install -q --upgrade pip
endef
