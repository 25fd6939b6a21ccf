"""The composite: an SQL store as the record, and Redis beside it to carry news and to keep copies of hot rows."""

from .store import CompositeStore as CompositeStore
