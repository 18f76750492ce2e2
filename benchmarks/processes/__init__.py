"""The two processes: what they say to each other, how a process starts, and how it ends with its parent."""
