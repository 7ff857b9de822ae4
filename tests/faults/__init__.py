"""Services fail, and nothing is lost, doubled or wrong: one seed of each scenario."""
