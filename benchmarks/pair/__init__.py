"""One pair's life, from the start of its child to its Record."""
