"""
The steps of an interface whose files come in, between their landing and their removal: check, apply, conclude.

Each step takes whatever waits for it, of this run or an earlier one: the next makes up for one that died.
Not here: how files come to us and are removed (``include/collect``), what a file says (``include/inbound``).
"""
