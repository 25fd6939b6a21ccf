"""From what a request presents to a Principal: credentials, binding and the corridor."""
