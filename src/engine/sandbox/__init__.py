"""Where runs execute: one driver protocol, its implementations, log capture and images."""
