"""Other people's clients against a really started server."""
