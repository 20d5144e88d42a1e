"""The built-in weights; this folder is installed as the package `easyseg.weights`."""
