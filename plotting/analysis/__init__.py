"""What the table says: rankings, observations, and the conditions of measurement."""
