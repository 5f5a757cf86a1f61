"""What every stage shares: errors, records, plug points, recipes, runs. No SQL, no torch."""
