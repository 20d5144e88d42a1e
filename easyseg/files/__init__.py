"""Files: how they are opened, named and replaced, whatever is in them."""
