"""What a pruning may be asked for, by name: declared here alone, for requests and command lines."""

from __future__ import annotations

from typing import Tuple

from typing_extensions import Literal, get_args

ImportanceName = Literal["l1", "l2", "bn", "pyramid", "random", "context"]
IMPORTANCES: Tuple[ImportanceName, ...] = get_args(ImportanceName)
"""Which channels go first; see `importance`."""
UNGUIDED_IMPORTANCES: Tuple[str, ...] = tuple(name for name in IMPORTANCES if name != "context")
"""Those that need nothing but the weights: no images that guide them."""

AllocationName = Literal["local", "global", "cost", "latency"]
ALLOCATIONS: Tuple[AllocationName, ...] = get_args(AllocationName)
"""How a ratio is divided among groups; see `allocation`."""

MaskScope = Literal["global", "layer"]
MASK_SCOPES: Tuple[MaskScope, ...] = get_args(MaskScope)
"""Which weights are ranked together where single ones are zeroed."""
