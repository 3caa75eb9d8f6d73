"""What is noticed, once, and how it ends."""
