"""A server seen from outside: what the app and the SSO server do, for `doctor` and for tests. Standard library only."""
