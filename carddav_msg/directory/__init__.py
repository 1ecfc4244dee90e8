"""The port: what may be asked of the directory. Implementations live in folders of their own (`sql/`)."""
