"""Framework-neutral values of the web: requests, cookies, cross-site checks and the replies to refusals."""
