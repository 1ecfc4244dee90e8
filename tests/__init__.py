"""The tests: they mirror the packages; `conftest.py` has the fixtures, `builders.py` fills a directory."""
