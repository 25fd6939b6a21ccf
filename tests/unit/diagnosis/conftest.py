"""One server for all faults of its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.unit.diagnosis.wards import Ward, ward
from watchword.config import AccessSettings, RefreshSettings
from watchword.crypto import passwords

Open = Callable[..., Ward]
_MADE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "issuer": lambda value: {"issuer": value},
    "refresh_grace": lambda value: {"refresh": RefreshSettings(grace=value)},
    "access_lifetime": lambda value: {"access": AccessSettings(lifetime=value)},
    "clock": lambda value: {"clock": value},
    "database": lambda value: {"database": value},
    "keys": lambda value: {"keys": value},
}


@pytest.fixture(scope="module")
def wards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """``wards()``: the server of these settings; asked again, the same one. Passwords cost little here."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(passwords, "MEMORY_KIB", 64)
        patch.setattr(passwords, "PASSES", 1)
        known: dict[str, Ward] = {}

        def open_(*, folder: Any = None, **said: Any) -> Ward:
            name = repr((folder, sorted(said.items(), key=str)))
            if name not in known:
                made = {key: one for setting, value in said.items() for key, one in _MADE[setting](value).items()}
                where = folder or tmp_path_factory.mktemp("ward")
                known[name] = stack.enter_context(ward(where, **made))
            return known[name]

        yield open_
