"""Files that partners send us: read strictly, brought to one form, judged row by row."""
