"""The only room that imports pyca/cryptography (and PyNaCl, when it is installed)."""
