"""Keys: material bound to one algorithm and one use, rings of them, and how they are written, found and published."""

from ..crypto.wrapping import PasswordCost
from .key import Key
from .ring import KeyRing, RotationPolicy, State

__all__ = ["Key", "KeyRing", "PasswordCost", "RotationPolicy", "State"]
