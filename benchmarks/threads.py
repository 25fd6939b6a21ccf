"""Two threads at once: who lets go of the interpreter while the signature is checked?"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from statistics import median
from threading import Barrier, Thread

from msgspec import Struct

from watchword.diagnosis.bench.peers import spelled
from watchword.keys.ring import KeyRing

from .signed import COLD, algorithms, issued, peers_of, tokens_of, without_memory

THREADS = 2


class Scaling(Struct, frozen=True):
    """Verifications a second: wall time, medians over the rounds."""

    algorithm: str
    name: str
    one: float
    two: float

    @property
    def factor(self) -> float:
        return self.two / self.one


def scalings(only: Callable[[str], bool], *, rounds: int, tokens: int) -> Iterator[Scaling]:
    """Each library with one thread and with two, turn about."""
    for algorithm in algorithms():
        name = algorithm.material.name
        if name not in ("ES256", "Ed25519") or not only(f"threads {name}"):
            continue
        access = without_memory(tokens_of(KeyRing.of(algorithm.key)))
        ours = issued(access, tokens)
        jobs = {COLD: (access.verify, ours)}
        for peer in peers_of(algorithm):
            jobs[peer.name] = (peer.read, [spelled(token, peer, algorithm.material) for token in ours])
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for job, (read, given) in jobs.items():
                for count in (1, THREADS):
                    times.setdefault((job, count), []).append(_rate(read, given, count))
        for job in jobs:
            yield Scaling(name, job, median(times[job, 1]), median(times[job, THREADS]))


def _rate(read: Callable[[str], object], tokens: list[str], count: int) -> float:
    ready = Barrier(count + 1)

    def work() -> None:
        ready.wait()
        deque(map(read, tokens), maxlen=0)

    threads = [Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return count * len(tokens) / (time.perf_counter() - started)
