"""The rows: what is measured of each system. Each module has one function, which runs in the client's process."""
