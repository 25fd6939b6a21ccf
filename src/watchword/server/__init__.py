"""The auth server: the parts of the library behind HTTP endpoints, on Starlette."""
