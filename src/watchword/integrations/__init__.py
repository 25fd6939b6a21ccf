"""Watchword in web frameworks: in each the same words, attach, sign_in, sign_out, limit, require, optional."""
