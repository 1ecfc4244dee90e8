"""Isolation: every route, every resource and every command, with the credentials of two networks and of two views.

The house is mirrored: both networks have users of the same names, books of the same slugs and cards of the same hrefs,
each with a mark of its own that nobody else may be shown. What may be asked is not written down here: the URL map, a
crawl of the DAV tree as each principal, and the tree of commands say it.

Existence is kept, too: for what belongs to others, status and body are those of what does not exist, and so is the work
behind them, counted in statements and password hashes instead of time.
"""
