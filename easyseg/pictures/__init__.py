"""Pictures in and out: reads, writes and resizes them, whole or by parts; inside, all is RGB."""
