"""What a store promises (``watchword.stores.base``), as checks for a store of your own.

    from watchword.testing.stores import assert_keeps_promises

    def test_my_store(tmp_path):
        numbers = itertools.count()
        assert_keeps_promises(lambda: MyStore(f"mine:{tmp_path}/{next(numbers)}"))

Watchword's own stores are held to these and to more (``tests/contracts``): what is here is what every store can be
asked, in memory and over a network.
"""

from __future__ import annotations

from .base import Broken as Broken
from .base import Promise as Promise
from .run import PROMISES as PROMISES
from .run import assert_keeps_promises as assert_keeps_promises
from .run import broken_promises as broken_promises
