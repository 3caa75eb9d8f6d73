"""The second reading: the same contract, compiled to Great Expectations, on the bytes that will be sent."""
