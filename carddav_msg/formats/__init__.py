"""The wire formats: pure text to values and back, no input or output."""
