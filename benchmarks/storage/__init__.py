"""What is on disk: saves, the journal of runs in flight, locks, and how --resume finds a session."""
