"""Where a live picture is shown: in a window, on a page in the browser, or in a notebook."""
