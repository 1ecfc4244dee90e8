"""`python -m carddav_msg` is the `carddav-msg` command."""

from carddav_msg.cli import main

if __name__ == "__main__":  # processes that an import spawns load this module again
    main()
