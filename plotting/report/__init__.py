"""The products: CSV files, the summary report, the results page."""
