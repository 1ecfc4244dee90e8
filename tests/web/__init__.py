"""Tests of the web faces, through HTTP answers from a real directory."""
