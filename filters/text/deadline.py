"""The time that is left for a text."""

import time


def remaining(deadline: float) -> float:
    """Seconds until `deadline` (on `time.monotonic`).

    Raises:
        TimeoutError: none are left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time budget for patterns is spent")
    return left
