"""What clients ask for, one module per kind of question, independent of each other; nothing here knows HTTP or SQL."""
