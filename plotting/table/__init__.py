"""The table: one row a pair and series, with its status."""
