"""Secrets: password hashes, the keyring, device credentials. Pure computation; nothing here logs or stores."""
