"""Building blocks of a backend for a frontend: a session cookie in front, bearer tokens behind; and for gateways."""
