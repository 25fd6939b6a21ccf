"""Binding: is the one who presents a credential the one it belongs to? Did the user's own page send this cookie?"""

from __future__ import annotations

from ..errors import ProofError
from ..web.csrf import check_origin
from ..web.messages import Connection
from .credentials import Credential


def check_binding(connection: Connection, credential: Credential, origins: frozenset[str]) -> None:
    """Raises: CsrfError for a cookie that another site sent, ProofError for a DPoP token (no proof is understood)."""
    if credential.carrier == "cookie":
        check_origin(connection, origins=origins)
    elif credential.carrier == "dpop":
        raise ProofError("DPoP proofs are not accepted here; present the token as Bearer if it is not bound")
