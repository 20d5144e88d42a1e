"""How fast easyseg is, against the usual ways and against its peers; see README.md beside this."""
