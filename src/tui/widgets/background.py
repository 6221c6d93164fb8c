"""Work beside the painting: a worker with a group, which ends with its widget."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker, WorkType

Job = Callable[..., Coroutine[Any, Any, None]]


def start(node: DOMNode, job: Job, *arguments: object, group: str, exclusive: bool = False) -> Worker[None]:
    """Run a job; with `exclusive` the one before it in the group ends.

    The job is called when its worker begins: one that is cancelled before leaves no coroutine unawaited.
    """
    work: WorkType[None] = partial(job, *arguments)
    return node.run_worker(work, group=group, exclusive=exclusive)
