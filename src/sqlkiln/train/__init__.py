"""Training adapters, and exporting them."""
