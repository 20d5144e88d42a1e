"""The networks, a file for each; `easyseg.registry` names the files and loads them."""
