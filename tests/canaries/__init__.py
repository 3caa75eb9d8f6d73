"""Personal values and secrets planted into real runs, and looked for wherever they may not be."""
