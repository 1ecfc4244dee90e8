"""Write once: something changed, so cards, numbers, tombstones and links follow in the same transaction."""
