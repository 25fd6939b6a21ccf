"""For the tests of an application: a client that is somebody, tokens good and bad, and an attack on an endpoint.

    from watchword.testing import assert_rejects_all, dressed, mint

It works on test clients and not on frameworks, and imports neither them nor pytest. ``watchword.testing.plugin`` has
the same as fixtures; pytest finds it by itself.
"""

from __future__ import annotations

from .clients import bare as bare
from .mint import mint as mint
from .mint import minted as minted
from .suite import Outcome as Outcome
from .suite import assert_rejects_all as assert_rejects_all
from .suite import assert_rejects_all_async as assert_rejects_all_async
from .suite import attack as attack
from .user import dressed as dressed
