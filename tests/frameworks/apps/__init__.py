"""One small application in each framework, with the same routes: what ``tests/frameworks/requests.py`` asks."""

import os
from typing import Any

from tests.frameworks.requests import AUDIENCE, ISSUER

URL = os.environ.get("FRAMEWORK_URL", "memory:")
OPTIONS: dict[str, Any] = {"keys": os.environ.get("FRAMEWORK_KEYS"), "issuer": ISSUER, "audience": AUDIENCE}
