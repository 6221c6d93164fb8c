"""What screens are made of: painted from frozen views, told by messages, free of I/O."""
