"""What a power sensor is: open it, read it, close it."""
