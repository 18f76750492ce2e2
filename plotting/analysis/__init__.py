"""Draw conclusions from the table: rankings, observations, and the conditions of measurement."""
