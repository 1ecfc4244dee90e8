"""Tests of the room `dav`: through the guard, with a real directory."""
