"""Work spread over the slots of an engine, and its results back in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import Callable, Deque, Generator, Iterable, Iterator, Sequence, TypeVar

from runtime.inference.segmenter import Segmenter

T = TypeVar("T")

# One piece in work and one waiting keep a slot busy while the results of others are fetched.
PIECES_PER_SLOT = 2


@contextmanager
def in_order(
    works: Iterable[Callable[[Segmenter], T]], segmenters: Sequence[Segmenter]
) -> Iterator[Iterator[T]]:
    """The results of `works`, in their order, each piece run to completion on one slot.

    `works` is drawn from as slots become free, so it may be endless. When the block ends early or a
    piece raises, no further one is begun, and those in work are waited for.
    """
    threads = ThreadPoolExecutor(len(segmenters), thread_name_prefix="slot")
    with threads, closing(_results(works, segmenters, threads)) as results:
        yield results


def _results(
    works: Iterable[Callable[[Segmenter], T]],
    segmenters: Sequence[Segmenter],
    threads: ThreadPoolExecutor,
) -> Generator[T, None, None]:
    free: SimpleQueue[Segmenter] = SimpleQueue()
    for segmenter in segmenters:
        free.put(segmenter)

    def run(work: Callable[[Segmenter], T]) -> T:
        segmenter = free.get()
        try:
            return work(segmenter)
        finally:
            free.put(segmenter)

    pending: Deque[Future[T]] = deque()
    try:
        for work in works:
            pending.append(threads.submit(run, work))
            if len(pending) >= PIECES_PER_SLOT * len(segmenters):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
