"""What is sent during a soak: a steady stream, bursts of ten times as much, pictures, and records that are faults."""

import random
import threading
import time
from types import TracebackType
from typing import Self

from tests.support.faulty_detectors import HARMLESS, Fault, faulty_image, faulty_prompt
from tests.support.house import House
from tests.support.material import Case, image_cases, prompt_cases
from tests.support.oracle import Input, send
from tests.support.tenants import POLICIES

TENANTS = tuple(POLICIES)
PROMPTS_A_SECOND = 20
BURST_FACTOR, BURST_SHARE = 10, 0.04
"""One second in 25 brings ten times as much."""
MARKED_SHARE = 0.25
"""Of the seconds: they bring a record that makes the detector misbehave and does not end the process."""
HANG_SHARE, POISON_SHARE = 0.04, 0.02
PICTURES = 40
SEND_SECONDS = 180.0
"""A broker that bounces is waited for: what is not known to be written cannot be asked for."""


class Load:
    """Sends in a thread until the block ends; `inputs` grows meanwhile.

    Args:
        house: where to.
        seed: the same one gives the same records.
        pictures: how many different ones there are; each second brings one.
    """

    def __init__(self, house: House, seed: int, pictures: int = PICTURES) -> None:
        self._house = house
        self._rng = random.Random(f"{seed} load")  # noqa: S311  material, not a secret
        self._pictures = image_cases(pictures, seed=seed, tenants=TENANTS)
        self._seconds = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.inputs: list[Input] = []
        self.error: Exception | None = None

    def _send(self) -> None:
        try:
            while not self._done.is_set():
                started = time.monotonic()
                cases = self.second()
                self.inputs += send(self._house.bootstrap, self._house.topics, cases, SEND_SECONDS)
                self._done.wait(max(0.0, 1 - (time.monotonic() - started)))
        except Exception as error:  # noqa: BLE001  told by the soak, which would wait in vain
            self.error = error

    def second(self) -> list[Case]:
        """The records of the next second."""
        self._seconds += 1
        number, rng = self._seconds, self._rng
        count = PROMPTS_A_SECOND * (BURST_FACTOR if rng.random() < BURST_SHARE else 1)
        cases = prompt_cases(count, seed=rng.randrange(1 << 30), tenants=TENANTS)
        cases.append(self._pictures[number % len(self._pictures)])
        if rng.random() < MARKED_SHARE:
            faulty = rng.choice((faulty_prompt, faulty_image))
            cases.append(faulty(rng.choice(HARMLESS), number))
        if rng.random() < HANG_SHARE:
            cases.append(faulty_prompt(Fault.HANG, number))
        if rng.random() < POISON_SHARE:
            cases.append(faulty_prompt(rng.choice((Fault.SEGFAULT, Fault.KILL)), number))
        rng.shuffle(cases)
        return cases

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(SEND_SECONDS)
