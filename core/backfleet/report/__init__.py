"""Reports: pages of HTML that hold all they need and ask no network."""
