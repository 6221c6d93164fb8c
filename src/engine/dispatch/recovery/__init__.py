"""What is brought together after a start and every few seconds: rows, sandboxes and folders."""
