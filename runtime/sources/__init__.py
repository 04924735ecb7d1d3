"""Sources of frames: one interface for files, folders, cameras, addresses and a test pattern."""

from runtime.sources.open_source import open_source
from runtime.sources.source import LossReason, Source, SourceLost

__all__ = ["LossReason", "Source", "SourceLost", "open_source"]
