"""Watchword: the token that fits each job in a backend, and one way to stop any of them.

    from watchword import Watchword, Principal

Everything else is found by its room: ``watchword.keys``, ``watchword.errors``, ``watchword.integrations.fastapi`` …
"""

from .app import Watchword
from .authn.binding import BindingPolicy
from .authn.prover import Prover
from .clock import Clock, FrozenClock, SystemClock
from .keys import Key, KeyRing, RotationPolicy, State
from .principal import Principal
from .revocation.event import Revocation
from .revocation.view import View
from .stores.base import open_store
from .tokens.access import AccessTokens
from .tokens.api_keys import ApiKeys
from .tokens.base import Issued
from .tokens.one_time import OneTimeTokens
from .tokens.opaque_access import OpaqueAccessTokens
from .tokens.refresh import RefreshTokens
from .tokens.sealed import SealedTokens
from .tokens.service import ServiceTokens
from .tokens.sessions import Sessions

__all__ = [
    "AccessTokens",
    "ApiKeys",
    "BindingPolicy",
    "Clock",
    "FrozenClock",
    "Issued",
    "Key",
    "KeyRing",
    "OneTimeTokens",
    "OpaqueAccessTokens",
    "Principal",
    "Prover",
    "RefreshTokens",
    "Revocation",
    "RotationPolicy",
    "SealedTokens",
    "ServiceTokens",
    "Sessions",
    "State",
    "SystemClock",
    "View",
    "Watchword",
    "open_store",
]
__version__ = "0.1.0"
