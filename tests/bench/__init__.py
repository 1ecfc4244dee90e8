"""Tests of the benchmark: that its answers are right and that it would notice wrong ones. Never of times."""
