"""Whole sessions of the product, as a user starts them."""
