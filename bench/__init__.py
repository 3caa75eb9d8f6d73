"""What a delivery costs, beside what the machine could do at best, measured in one run."""
