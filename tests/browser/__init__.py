"""A real browser against the real parts, and a record of everything that it received or stored."""
