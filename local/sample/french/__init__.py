"""Two French groups beside the British one: what a daily DDC file needs, and what must never be in one."""
