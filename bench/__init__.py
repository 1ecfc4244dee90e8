"""The project's benchmark: `python -m bench --help`; README.md says what is measured. Not in the wheel."""
